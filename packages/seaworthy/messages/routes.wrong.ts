import { command } from 'seaworthy/contract';
import { fleet } from 'seaworthy/fleet';
import { aggregate, gateway, route } from 'seaworthy/gateway';
import { service } from 'seaworthy/service';
import { z } from 'zod';
import { fulfil, orders, stock } from './contracts.ts';

route('POST /api/reserved', stock.reserved);
route('POST /api/reserved/{orderId}', stock.reserved);
route('DELETE /api/{id}', stock.release);
route('api/reservations', stock.release);
route('POST /api/loose', command({ http: 'POST /loose', input: z.object({ id: z.string() }) }));

aggregate('GET /api/{orderId}', ({ part }) => ({ reservation: part(stock.reservation, ({ params }) => ({ id: params.orderId })) }));

fleet({ services: [service(orders, { handlers: { place: () => {} }, sagas: [fulfil] })] });
fleet({
  services: [service(orders, { handlers: { place: () => {} } })],
  gateway: gateway({ routes: [route('POST /api', stock.release)] }),
});
