import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { memory as memoryBus } from '../bus/drivers/memory.ts';
import { command, contract } from '../contract/contract.ts';
import { silent } from '../core/observe.ts';
import { runtime } from '../core/runtime.ts';
import { saga } from '../saga/definition.ts';
import { service } from '../service/service.ts';
import { memory } from '../store/drivers/memory.ts';
import { seededRandom, virtualClock } from '../testing/clock.ts';
import { fleet } from './fleet.ts';
import { start } from './start.ts';

const Ref = z.object({ id: z.string() });
const trips = contract('trips', { plan: command({ http: 'POST /trips', input: Ref }) });
const hotels = contract('hotels', {
  book: command({ http: 'POST /bookings', input: Ref }),
  leave: command({ http: 'DELETE /bookings/{id}', input: Ref }),
  pay: command({ http: 'POST /payments', input: Ref, errors: { Refused: { status: 402 } } }),
});

type Poison = Readonly<Partial<Record<'book' | 'leave' | 'pay', () => unknown>>>;

const throws = (): never => {
  throw new Error('this booking cannot be worked on');
};
const hangs = (): Promise<never> => new Promise(() => {});

/**
 * A hundred trips, of which every other one is refused and undone, begun one every 200 ms of virtual time beside one for which
 * the hotel does as `poison` says. Returns the milliseconds that the good trips took in all, and how often a breaker refused.
 */
async function played(poison: Poison | undefined): Promise<{ readonly tookMs: number; readonly refused: number; readonly runs: number }> {
  const clock = virtualClock();
  let refused = 0;
  let runs = 0;
  const ended = new Map<string, number>();
  const count = (name: string): void => {
    if (name === 'seaworthy_breaker_rejected_total') refused++;
  };
  const own = runtime({ clock, random: seededRandom(1), observe: { ...silent, count } });
  const booking = saga(trips, 'booking', { input: Ref, uses: [hotels] })
    .local('note', { do: () => {}, undo: ({ input }) => void ended.set(input.id, clock.now()) })
    .step('book', { do: ({ input, call }) => call(hotels.book, input), undo: ({ input, call }) => call(hotels.leave, input) })
    .step('pay', { do: ({ input, call }) => call(hotels.pay, input) })
    .local('finish', { do: ({ input }) => void ended.set(input.id, clock.now()) });
  const poisoned = (id: string, what: keyof Poison): unknown => {
    if (id !== 'poisoned' || !poison?.[what]) return undefined;
    runs++;
    return poison[what]();
  };
  const hotel = service(hotels, {
    handlers: {
      book: async ({ input }) => void (await poisoned(input.id, 'book')),
      leave: async ({ input }) => void (await poisoned(input.id, 'leave')),
      async pay({ input, fail }) {
        await poisoned(input.id, 'pay');
        if (input.id === 'poisoned' || Number(input.id) % 2 === 1) throw fail('Refused');
      },
    },
  });
  const agency = service(trips, { sagas: [booking], handlers: { plan: ({ input, start: begin }) => begin(booking, input) } });
  const running = await start(fleet({ services: [agency, hotel] }), { runtime: own, store: memory(), bus: memoryBus() });
  if (poison) await clock.run(running.call(trips.plan, { id: 'poisoned' }));
  const begun = new Map<string, number>();
  for (let n = 0; n < 100; n++) {
    begun.set(String(n), clock.now());
    await clock.run(running.call(trips.plan, { id: String(n) }));
    await clock.advance(200);
  }
  for (let waited = 0; [...begun.keys()].some((id) => !ended.has(id)); waited++) {
    assert.ok(waited < 600, 'a good trip has not ended after ten minutes');
    await clock.advance(1000);
  }
  await clock.run(running.stop());
  let tookMs = 0;
  for (const [id, at] of begun) tookMs += (ended.get(id) as number) - at;
  return { tookMs, refused, runs };
}

test('a saga that can never succeed does not delay others, whatever its callee does', async () => {
  const alone = await played(undefined);
  assert.equal(alone.refused, 0);
  for (const [what, poison] of Object.entries({
    'its undo throws': { leave: throws },
    'a step hangs': { book: hangs },
    'a step and its undo throw': { book: throws, leave: throws },
  })) {
    const { tookMs, refused, runs } = await played(poison);
    assert.ok(runs >= 2, `${what}: ${runs} runs`);
    assert.equal(refused, 0, `${what}: a breaker refused ${refused} times`);
    assert.ok(tookMs <= 2 * alone.tookMs, `${what}: the others took ${tookMs} ms instead of ${alone.tookMs} ms`);
  }
});
