import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DeadlineExceeded } from '../core/deadline.ts';
import { runtime } from '../core/runtime.ts';
import { virtualClock } from '../testing/clock.ts';
import { breaker } from './breaker.ts';
import { bulkhead } from './bulkhead.ts';
import { AttemptTimeout, LocalRejection } from './errors.ts';
import { deadline, timeout } from './parts.ts';
import { policyOn } from './policy.ts';
import { retry } from './retry.ts';

/** A tick of the timer wheel, by which a timeout may expire late. */
const tick = 10;

interface Try {
  readonly ms: number;
  readonly ends: 'well' | 'badly' | 'wrongly' | 'never';
}
/** Durations that never end on a tick, also five of them together: work that ends in the moment of its timeout may have either outcome. */
const one = fc.record({
  ms: fc.constantFrom(0, 3, 23, 83, 123, 403),
  ends: fc.constantFrom<Try['ends']>('well', 'badly', 'badly', 'wrongly', 'never'),
});

const backoffMs = 40;
const timeoutMs = 95;
const deadlineMs = 500;

interface Told {
  readonly begun: readonly number[];
  readonly outcome: string;
  readonly at: number;
}

/** Computes by additions alone when each attempt of a call starts, and the outcome of the call. */
function tell(tries: readonly Try[], attempts: number, random: number): Told {
  const begun: number[] = [];
  let now = 0;
  for (let tried = 1; ; tried++) {
    begun.push(now);
    const { ms, ends } = tries[tried - 1] as Try;
    const limit = Math.min(now + timeoutMs, deadlineMs);
    // A timeout expires on the first whole tick at or after it.
    const over = Math.ceil(limit / tick) * tick;
    const cut = ends === 'never' || now + ms > over;
    now = cut ? over : now + ms;
    let outcome: string = ends;
    if (cut) outcome = now >= deadlineMs ? 'deadline' : 'timeout';
    if (outcome === 'well' || outcome === 'wrongly' || outcome === 'deadline' || tried === attempts) return { begun, outcome, at: now };
    const wait = random * Math.min(2000, backoffMs * 2 ** (tried - 1));
    if (now + wait >= deadlineMs) return { begun, outcome, at: now };
    now += wait;
  }
}

const nameOf = (error: unknown): string =>
  error instanceof DeadlineExceeded ? 'deadline' : error instanceof AttemptTimeout ? 'timeout' : (error as Error).message;

test('retries, timeouts and the deadline agree with plain arithmetic in a thousand random schedules', async () => {
  const outcomes = new Set<string>();
  const call = fc.asyncProperty(
    fc.array(one, { minLength: 5, maxLength: 5 }),
    fc.integer({ min: 1, max: 5 }),
    fc.constantFrom(0, 0.25, 0.5, 0.75),
    async (tries, attempts, random) => {
      const clock = virtualClock();
      const rt = runtime({ clock, random: { next: () => random } });
      const begun: number[] = [];
      const guard = policyOn(
        rt,
        deadline(`${deadlineMs}ms`),
        retry({ attempts, base: `${backoffMs}ms` }),
        breaker({ failures: 1000 }),
        bulkhead({ limit: 50 }),
        timeout(`${timeoutMs}ms`),
      );
      const work = ({ attempt }: { readonly attempt: number }): Promise<string> => {
        begun.push(clock.monotonic());
        const { ms, ends } = tries[attempt - 1] as Try;
        return new Promise((resolve, reject) => {
          if (ends === 'never') return;
          const end = (): void => {
            if (ends === 'well') resolve(ends);
            else reject(Object.assign(new Error(ends), ends === 'wrongly' && { status: 400 }));
          };
          if (ms === 0) end();
          else clock.after(ms, end);
        });
      };
      let at = -1;
      const outcome = guard(work)
        .catch(nameOf)
        .finally(() => {
          at = clock.monotonic();
        });
      const came = await clock.run(outcome);
      outcomes.add(came);
      assert.deepEqual({ begun, outcome: came, at }, tell(tries, attempts, random));
    },
  );
  await fc.assert(call, { numRuns: 1000, seed: 42 });
  assert.deepEqual([...outcomes].sort(), ['badly', 'deadline', 'timeout', 'well', 'wrongly']);
});

const caller = fc.record({
  comesAt: fc.nat(600),
  leavesAfter: fc.option(fc.constantFrom(0, 1, 50, 150, 300), { freq: 3 }),
  tries: fc.array(one, { minLength: 3, maxLength: 3 }),
});

test('in a thousand random crowds no limit is exceeded, no call is late and no timer or listener is left', async () => {
  const crowd = fc.asyncProperty(
    fc.array(caller, { maxLength: 12, size: 'max' }),
    fc.integer({ min: 1, max: 3 }),
    async (callers, limit) => {
      const clock = virtualClock();
      const rt = runtime({ clock, random: { next: () => 0.5 } });
      const health = breaker({ failures: 3, openFor: '100ms' });
      const ward = bulkhead({ limit, queue: 4 });
      const guard = policyOn(rt, deadline(`${deadlineMs}ms`), retry({ base: '40ms' }), health, ward, timeout(`${timeoutMs}ms`));
      let inside = 0;
      const call = async ({ leavesAfter, tries }: (typeof callers)[number]): Promise<void> => {
        const began = clock.monotonic();
        const leaving = new AbortController();
        let left = Number.POSITIVE_INFINITY;
        if (leavesAfter !== null)
          clock.after(leavesAfter, () => {
            left = clock.monotonic();
            leaving.abort(new Error('left'));
          });
        let settled = false;
        const work = ({ attempt }: { readonly attempt: number }): Promise<string> => {
          assert.ok(!settled, 'nothing begins for one who was answered');
          assert.ok(clock.monotonic() < Math.min(left, began + deadlineMs), 'nothing begins for one who left or is late');
          assert.ok(++inside <= limit, 'never more than the limit');
          const { ms, ends } = tries[attempt - 1] as Try;
          return new Promise<string>((resolve, reject) => {
            // Work that never ends would keep its slot forever, so here it takes a second.
            clock.after(ends === 'never' ? 1000 : ms, () => {
              inside--;
              if (ends === 'well') resolve(ends);
              else reject(Object.assign(new Error(ends), ends === 'wrongly' && { status: 400 }));
            });
          });
        };
        try {
          assert.equal(await guard(work, { signal: leaving.signal }), 'well');
        } catch (error) {
          const known = error instanceof LocalRejection || ['deadline', 'timeout', 'badly', 'wrongly', 'left'].includes(nameOf(error));
          assert.ok(known, String(error));
          if (nameOf(error) === 'left') assert.equal(clock.monotonic(), left, 'who leaves is let go at once');
        }
        settled = true;
        assert.ok(clock.monotonic() <= began + deadlineMs + tick, 'nobody is answered later than a tick after the deadline');
      };
      const all = callers.map(
        (one) =>
          new Promise<void>((resolve, reject) => {
            clock.after(one.comesAt, () => void call(one).then(resolve, reject));
          }),
      );
      await clock.run(Promise.all(all));
      await clock.advance(1100);
      assert.deepEqual([inside, ward.running, ward.waiting, clock.waiting], [0, 0, 0, 0]);
    },
  );
  await fc.assert(crowd, { numRuns: 1000, seed: 42 });
});
