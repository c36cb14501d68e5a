// The package in TypeScript: what must and what must not compile, and a run of it.
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { command, contract, event, query } from 'seaworthy/contract';
import { fleet, start } from 'seaworthy/fleet';
import { breaker, policy, retry } from 'seaworthy/resilience';
import { saga } from 'seaworthy/saga';
import { type Handler, service } from 'seaworthy/service';
import { memory } from 'seaworthy/store/memory';
import { z } from 'zod';

const Ref = z.object({ tripId: z.string() });
const hotels = contract('hotels', {
  book: command({ http: 'POST /bookings', input: Ref, output: z.object({ room: z.int() }), errors: { Full: { status: 409 } } }),
  release: command({ http: 'DELETE /bookings/{tripId}', input: Ref }),
});
const trips = contract('trips', {
  plan: command({ http: 'POST /trips', input: Ref, status: 202 }),
  trip: query({ http: 'GET /trips/{tripId}', input: Ref, output: z.object({ room: z.int().optional() }) }),
  planned: event({ key: 'tripId', data: Ref }),
});
// @ts-expect-error the path names a field that the input lacks
command({ http: 'PUT /trips/{no}', input: Ref });

const planning = saga(trips, 'planning', { input: Ref, uses: [hotels] })
  .step('hotel', {
    do: ({ input, call }) => call(hotels.book, input),
    undo: ({ input, call }) => call(hotels.release, input),
  })
  .local('note', {
    async do({ input, results, tx, publish }) {
      const room: number = results.hotel.room;
      await tx.run('insert into trip values (?, ?)', input.tripId, room);
      publish('planned', input);
    },
  });

const plan: Handler<typeof trips, 'plan'> = ({ input, start: begin }) => begin(planning, input);
const agency = service(trips, {
  migrations: [{ name: 'trips/1', statements: ['create table trip (id text primary key, room integer not null)'] }],
  handlers: {
    plan,
    async trip({ input, read }) {
      const [row] = await read.all('select room from trip where id = ?', input.tripId);
      return row ? { room: Number(row['room']) } : {};
    },
  },
  sagas: [planning],
});
const hotel = service(hotels, { handlers: { book: () => ({ room: 7 }), release: () => {} } });
// @ts-expect-error a service that the saga calls is missing
fleet({ services: [agency] });

const dir = await mkdtemp(join(tmpdir(), 'stranger-'));
const running = await start(fleet({ services: [agency, hotel] }), { dir, store: memory() });
await running.call(trips.plan, { tripId: 'rome' });
const room = async (): Promise<number | undefined> => (await running.call(trips.trip, { tripId: 'rome' })).room;
while ((await room()) === undefined) await pause(5);
assert.equal(await room(), 7);
await running.stop();
await rm(dir, { recursive: true });
const one: number = await policy(retry(), breaker())(async () => 1);
console.log(`TypeScript: planned, typed, guarded ${one} time`);
