import { aggregate, gateway, route } from 'seaworthy/gateway';
import { inventory } from './inventory/contract.ts';
import { orders } from './orders/contract.ts';
import { payments } from './payments/contract.ts';

export default gateway({
  routes: [
    route('POST /api/orders', orders.placeOrder),
    aggregate('GET /api/orders/{orderId}', ({ part }) => ({
      order: part(orders.order, ({ params }) => params),
      payment: part(payments.paymentOf, ({ params }) => params).optional(),
      reservation: part(inventory.reservationOf, ({ params }) => params).optional(),
    })),
    route('POST /api/orders/{orderId}/cancel', orders.cancel),
    route('GET /api/orders/{orderId}/payments', payments.paymentsOf),
    route('PUT /api/products/{productId}/stock', inventory.setStock),
    route('GET /api/products/{productId}/stock', inventory.stock),
  ],
});
