import { fleet, start } from 'seaworthy/fleet';
import { aggregate, gateway, route } from 'seaworthy/gateway';
import { service } from 'seaworthy/service';
import { orders, payments, stock } from './contracts.ts';

const elsewhere = async (): Promise<never> => {
  throw new Error('it runs elsewhere');
};
const [, , upstream, dir] = process.argv as unknown as readonly [string, string, string, string];
const { url } = await start(
  fleet({
    services: [
      service(orders, { handlers: { order: elsewhere } }),
      service(payments, { handlers: { payment: elsewhere } }),
      service(stock, { handlers: { reservation: elsewhere } }),
    ],
    gateway: gateway({
      routes: [
        route('GET /api/orders/{orderId}', orders.order),
        aggregate('GET /api/pages/{orderId}', ({ part }) => ({
          order: part(orders.order, ({ params }) => params),
          payment: part(payments.payment, ({ params }) => params).optional(),
          reservation: part(stock.reservation, ({ params }) => params).optional(),
        })),
      ],
    }),
  }),
  {
    dir,
    only: ['gateway'],
    addresses: { orders: upstream, payments: upstream, stock: upstream },
  },
);
process.stdout.write(`${url}\n`);
