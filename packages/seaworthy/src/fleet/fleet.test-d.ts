import { z } from 'zod';
import { command, contract, event, query } from '../contract/contract.ts';
import { aggregate } from '../gateway/aggregate.ts';
import { gateway } from '../gateway/gateway.ts';
import { route } from '../gateway/route.ts';
import { saga } from '../saga/definition.ts';
import { service } from '../service/service.ts';
import { fleet } from './fleet.ts';

/** Which fleets compile, and what the compiler says of the others: "Property '"the fleet lacks wallets"' is missing". */
const Ref = z.object({ id: z.string() });
const seats = contract('seats', {
  take: command({ http: 'POST /seats', input: Ref }),
  seat: query({ http: 'GET /seats/{id}', input: Ref, output: Ref }),
  taken: event({ key: 'id', data: Ref }),
});
const wallets = contract('wallets', { pay: command({ http: 'POST /payments', input: Ref }) });
const bookings = contract('bookings', { book: command({ http: 'POST /bookings', input: Ref }) });
const booking = saga(bookings, 'booking', { input: Ref, uses: [seats, wallets] });

const seatsService = service(seats, { handlers: { take: () => {}, seat: ({ input }) => input } });
const walletsService = service(wallets, { handlers: { pay: () => {} }, on: (on) => [on(seats.taken, () => {})] });
const bookingsService = service(bookings, { handlers: { book: () => {} }, sagas: [booking] });
const door = gateway({ routes: [route('POST /api/payments', wallets.pay)] });

fleet({ services: [seatsService, walletsService, bookingsService], gateway: door });
fleet({ services: [seatsService] });

const alone = service(wallets, { handlers: { pay: () => {} } });
fleet({ services: [alone] });

const window = gateway({ routes: [aggregate('GET /api/{id}', ({ part }) => ({ seat: part(seats.seat, ({ params }) => params) }))] });
// @ts-expect-error an aggregate asks seats
fleet({ services: [alone], gateway: window });

// @ts-expect-error a saga calls wallets
fleet({ services: [seatsService, bookingsService] });
// @ts-expect-error a reaction hears seats
fleet({ services: [walletsService] });
// @ts-expect-error a route leads to wallets
fleet({ services: [seatsService], gateway: door });

// The property that is missing has the sentence for its name, one for each service.
declare const missing: never;
fleet({ services: [seatsService, bookingsService], 'the fleet lacks wallets': missing });
fleet({ services: [bookingsService], 'the fleet lacks seats': missing, 'the fleet lacks wallets': missing });
