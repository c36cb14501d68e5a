import type { Caller } from 'seaworthy/client';
import { inventory } from '../inventory/contract.ts';
import { orders } from '../orders/contract.ts';
import { payments } from '../payments/contract.ts';
import type { ShopClient } from '../replay/shop-client.ts';

/** A client of the shop that calls the services without the gateway. */
export function clientOn(call: Caller): ShopClient {
  return {
    async setStock(productId, available) {
      await call(inventory.setStock, { productId, available });
    },
    async stock(productId) {
      const asked = await call(inventory.stock, { productId }).outcome();
      return asked.ok ? asked.value : undefined;
    },
    async place({ customerId, items, paymentToken }, key) {
      const order = { ...(customerId !== undefined && { customerId }), items: [...items], paymentToken };
      return (await call(orders.placeOrder, order, { key })).orderId;
    },
    async order(orderId) {
      const { reason, ...order } = await call(orders.order, { orderId });
      const reservation = await call(inventory.reservationOf, { orderId }).outcome();
      return { order: { ...order, ...(reason !== undefined && { reason }) }, ...(reservation.ok && { reservation: reservation.value }) };
    },
    async cancel(orderId) {
      await call(orders.cancel, { orderId });
    },
    captures: async (orderId) => (await call(payments.paymentsOf, { orderId })).payments,
    close: async () => {},
  };
}
