import { command, contract, event, query } from 'seaworthy/contract';
import { saga } from 'seaworthy/saga';
import { z } from 'zod';

const Ref = z.object({ orderId: z.string() });
const Reservation = z.object({ id: z.string(), units: z.int() });

/** The contracts that the wrong programs are about. */
export const stock = contract('stock', {
  reserve: command({ http: 'POST /reservations', input: Ref, output: Reservation, errors: { Closed: { status: 423 } } }),
  release: command({ http: 'DELETE /reservations/{orderId}', input: Ref }),
  reservation: query({ http: 'GET /reservations/{orderId}', input: Ref, output: Reservation }),
  reserved: event({ key: 'orderId', data: Ref }),
  released: event({ key: 'orderId', data: z.object({ orderId: z.string(), units: z.int().default(0) }) }),
});
export const orders = contract('orders', {
  place: command({ http: 'POST /orders', input: Ref }),
  placed: event({ key: 'orderId', data: Ref }),
});
export const fulfil = saga(orders, 'fulfil', { input: Ref, uses: [stock] }).step('reserve', {
  do: ({ input, call }) => call(stock.reserve, input),
});
