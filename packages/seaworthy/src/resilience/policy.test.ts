import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Deadline, DeadlineExceeded } from '../core/deadline.ts';
import { silent } from '../core/observe.ts';
import { type Runtime, runtime } from '../core/runtime.ts';
import { seededRandom, type VirtualClock, virtualClock } from '../testing/clock.ts';
import { breaker } from './breaker.ts';
import { bulkhead } from './bulkhead.ts';
import { AttemptTimeout, BreakerOpen, BulkheadFull, PolicyInvalid } from './errors.ts';
import { deadline, fallback, timeout } from './parts.ts';
import { policyOn } from './policy.ts';
import { RetryBudget, retry } from './retry.ts';

interface Sea {
  readonly clock: VirtualClock;
  readonly rt: Runtime;
}
const sea = (seed = 1): Sea => {
  const clock = virtualClock();
  return { clock, rt: runtime({ clock, random: seededRandom(seed) }) };
};

/** Work that the test settles by hand. */
interface Held {
  readonly work: () => Promise<string>;
  succeed(index?: number): void;
  fail(index?: number): void;
  readonly begun: number;
}
function held(): Held {
  const open: { resolve: (value: string) => void; reject: (error: unknown) => void }[] = [];
  return {
    work: () => new Promise((resolve, reject) => void open.push({ resolve, reject })),
    succeed: (index = open.length - 1) => open[index]?.resolve('done'),
    fail: (index = open.length - 1) => open[index]?.reject(new Error('failed')),
    get begun() {
      return open.length;
    },
  };
}
const boom = (): Promise<never> => Promise.reject(new Error('boom'));
const fine = (): Promise<string> => Promise.resolve('fine');
const quietly = (promise: Promise<unknown>): Promise<unknown> => promise.catch((error: unknown) => error);
const ticks = async (): Promise<void> => {
  for (let round = 0; round < 5; round++) await new Promise((resolve) => setImmediate(resolve));
};

describe('a policy', () => {
  test('gives what the work gives, and what it throws', async () => {
    const guard = policyOn(sea().rt, deadline('2s'), retry(), breaker(), bulkhead({ limit: 2 }), timeout('1s'));
    assert.equal(await guard(fine), 'fine');
    assert.equal(await guard(() => 5), 5);
    await assert.rejects(policyOn(sea().rt, timeout('1s'))(boom), /boom/);
    await assert.rejects(
      policyOn(sea().rt)(() => {
        throw new Error('at once');
      }),
      /at once/,
    );
  });

  test('has each part once', () => {
    assert.throws(() => policyOn(sea().rt, timeout('1s'), timeout('2s')), PolicyInvalid);
    assert.throws(() => breaker({ failures: 0 }), /breaker failures is 0: it takes a whole number of at least 1/);
    assert.throws(() => bulkhead({ limit: 1.5 }), /bulkhead limit/);
    assert.throws(() => timeout('5' as never), /write a number and a unit/);
  });

  test('a timeout cuts the attempt, aborts its signal and says that nobody knows', async () => {
    const { clock, rt } = sea();
    let seen: AbortSignal | undefined;
    const cut = quietly(
      policyOn(
        rt,
        timeout('1s'),
      )(({ signal }) => {
        seen = signal;
        return new Promise(() => {});
      }),
    );
    await clock.advance(990);
    assert.equal(seen?.aborted, false);
    await clock.advance(30);
    assert.ok((await cut) instanceof AttemptTimeout);
    assert.equal(seen?.aborted, true);
  });

  test('A3.8: one timeout aborts no other call', async () => {
    const { clock, rt } = sea();
    const guard = policyOn(rt, timeout('1s'));
    const signals: AbortSignal[] = [];
    const work = ({ signal }: { signal: AbortSignal }): Promise<never> => {
      signals.push(signal);
      return new Promise(() => {});
    };
    const first = quietly(guard(work));
    await clock.advance(500);
    void quietly(guard(work));
    await clock.advance(520);
    assert.ok((await first) instanceof AttemptTimeout);
    assert.deepEqual(
      signals.map((signal) => signal.aborted),
      [true, false],
    );
  });

  test('the deadline bounds all attempts and waits together; none is begun past it', async () => {
    const { clock, rt } = sea();
    let begun = 0;
    const guard = policyOn(rt, deadline('1s'), retry({ attempts: 100, base: '400ms', cap: '400ms' }));
    const all = quietly(
      guard(() => {
        begun++;
        return boom();
      }),
    );
    await clock.advance(5000);
    assert.match(String(await all), /boom/);
    assert.ok(begun >= 2 && begun < 50);
    await assert.rejects(guard(fine, { deadline: new Deadline(clock, clock.monotonic() - 1) }), DeadlineExceeded);
  });

  test("the caller's deadline holds when it is the earlier one", async () => {
    const { clock, rt } = sea();
    const cut = quietly(
      policyOn(rt, deadline('1h'))(() => new Promise(() => {}), { deadline: new Deadline(clock, clock.monotonic() + 100) }),
    );
    await clock.advance(150);
    assert.ok((await cut) instanceof DeadlineExceeded);
  });

  test('retries with full jitter, as often as it says', async () => {
    const { clock, rt } = sea();
    const at: number[] = [];
    const all = quietly(
      policyOn(
        rt,
        retry({ attempts: 4, base: '1s', cap: '3s' }),
      )(({ attempt }) => {
        at.push(clock.monotonic());
        assert.equal(attempt, at.length);
        return boom();
      }),
    );
    await clock.advance(20_000);
    await all;
    const waits = at.slice(1).map((time, index) => time - (at[index] as number));
    assert.equal(waits.length, 3);
    for (const [index, most] of [1000, 2000, 3000].entries()) {
      assert.ok((waits[index] as number) >= 0 && (waits[index] as number) <= most, String(waits));
    }
  });

  test('what the caller did wrong is not tried again; a pushback is obeyed', async () => {
    const { rt } = sea();
    for (const error of [
      Object.assign(new Error('wrong'), { status: 404 }),
      Object.assign(new Error('no'), { retryAfterMs: -1 }),
      Object.assign(new Error('long'), { retryAfterMs: 60_000 }),
    ]) {
      let begun = 0;
      await quietly(
        policyOn(
          rt,
          retry(),
        )(() => {
          begun++;
          throw error;
        }),
      );
      assert.equal(begun, 1, error.message);
    }
  });

  test('a retry waits as long as it was asked to', async () => {
    const { clock, rt } = sea();
    const at: number[] = [];
    const all = policyOn(
      rt,
      retry({ attempts: 2, cap: '2s' }),
    )(() => {
      at.push(clock.monotonic());
      if (at.length === 1) throw Object.assign(new Error('later'), { retryAfterMs: 1500 });
      return 'fine';
    });
    await clock.advance(1490);
    assert.equal(at.length, 1);
    await clock.advance(200);
    assert.equal(await all, 'fine');
  });

  test('a budget ends the storm of retries', async () => {
    const { rt } = sea();
    const budget = new RetryBudget(10);
    let begun = 0;
    const guard = policyOn(rt, retry({ attempts: 5, base: '0ms', budget }));
    for (let call = 0; call < 50; call++) {
      await quietly(
        guard(() => {
          begun++;
          return boom();
        }),
      );
    }
    assert.ok(begun < 60, `${begun} tries for 50 calls`);
  });

  test('A3.4: an abort during the backoff ends it at once, with its reason, and calls nothing again', async () => {
    const { clock, rt } = sea();
    const leaving = new AbortController();
    let begun = 0;
    const all = quietly(
      policyOn(rt, retry({ attempts: 5, base: '10s', cap: '10s' }))(
        () => {
          begun++;
          return boom();
        },
        { signal: leaving.signal },
      ),
    );
    await ticks();
    leaving.abort(new Error('left'));
    assert.match(String(await all), /left/);
    await clock.advance(60_000);
    assert.equal(begun, 1);
    assert.equal(clock.waiting, 0);
  });

  test('a fallback answers for the last error, but not for a caller who left', async () => {
    const { rt } = sea();
    const guard = policyOn(
      rt,
      fallback((error) => `instead of ${(error as Error).message}`),
      retry({ attempts: 2, base: '0ms' }),
    );
    assert.equal(await guard(boom), 'instead of boom');
    await assert.rejects(guard(boom, { signal: AbortSignal.abort(new Error('left')) }), /left/);
  });

  test('A3.9: at rest it has no timer', async () => {
    const { clock, rt } = sea();
    const guard = policyOn(rt, deadline('2s'), retry(), breaker(), bulkhead({ limit: 1 }), timeout('1s'));
    await guard(fine);
    await clock.advance(50);
    assert.equal(clock.waiting, 0);
  });

  test('leaves no listener on a signal that lives long', async () => {
    const { rt } = sea();
    const signal = new AbortController().signal;
    let listeners = 0;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listeners++;
      add(...args);
    };
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      listeners--;
      remove(...args);
    };
    const guard = policyOn(rt, deadline('2s'), retry({ base: '0ms' }), breaker(), bulkhead({ limit: 1 }), timeout('1s'));
    await guard(fine, { signal });
    await quietly(guard(boom, { signal }));
    assert.equal(listeners, 0);
  });
});

describe('a bulkhead', () => {
  test('lets so many in, queues so many, refuses the rest; the queue is in order', async () => {
    const { rt } = sea();
    const ward = bulkhead({ limit: 1, queue: 2 });
    const guard = policyOn(rt, ward);
    const hold = held();
    const all = [guard(hold.work), guard(hold.work), guard(hold.work)];
    await assert.rejects(guard(hold.work), BulkheadFull);
    assert.deepEqual([ward.running, ward.waiting, hold.begun], [1, 2, 1]);
    for (const one of all) {
      hold.succeed();
      await one;
    }
    assert.deepEqual([ward.running, ward.waiting], [0, 0]);
  });

  test('A3.7: a slot is held until the work really settles', async () => {
    const { clock, rt } = sea();
    const ward = bulkhead({ limit: 1, queue: 0 });
    const guard = policyOn(rt, ward, timeout('1s'));
    const hold = held();
    const first = quietly(guard(hold.work));
    await clock.advance(1020);
    assert.ok((await first) instanceof AttemptTimeout);
    await assert.rejects(guard(fine), BulkheadFull);
    hold.succeed();
    await ticks();
    assert.equal(await guard(fine), 'fine');
  });

  test('A3.7, G11: its refusals open no breaker', async () => {
    const { rt } = sea();
    const health = breaker({ failures: 2 });
    const guard = policyOn(rt, health, bulkhead({ limit: 1, queue: 0 }));
    const hold = held();
    const first = guard(hold.work);
    for (let call = 0; call < 10; call++) await assert.rejects(guard(fine), BulkheadFull);
    assert.equal(health.state, 'closed');
    hold.succeed();
    await first;
  });

  test('a waiter who leaves, or whose time is over, leaves the queue', async () => {
    const { clock, rt } = sea();
    const ward = bulkhead({ limit: 1, queue: 5 });
    const guard = policyOn(rt, ward, deadline('1s'));
    const hold = held();
    const first = quietly(policyOn(rt, ward)(hold.work));
    const leaving = new AbortController();
    const left = quietly(guard(fine, { signal: leaving.signal }));
    const late = quietly(guard(fine));
    assert.equal(ward.waiting, 2);
    leaving.abort(new Error('left'));
    assert.match(String(await left), /left/);
    assert.equal(ward.waiting, 1);
    await clock.advance(1020);
    assert.ok((await late) instanceof DeadlineExceeded);
    assert.equal(ward.waiting, 0);
    hold.succeed();
    await first;
    assert.equal(ward.running, 0);
  });
});

describe('a breaker', () => {
  const opened = async (options = {}): Promise<Sea & { health: ReturnType<typeof breaker>; guard: ReturnType<typeof policyOn> }> => {
    const { clock, rt } = sea();
    const health = breaker({ runtime: rt, failures: 2, openFor: '10s', ...options });
    const guard = policyOn(rt, health);
    await quietly(guard(boom));
    await quietly(guard(boom));
    assert.equal(health.state, 'open');
    return { clock, rt, health, guard };
  };

  test('by default opens after 5 failures in a row, for 30 s, and closes after 2 successes', async () => {
    const { clock, rt } = sea();
    const health = breaker({ runtime: rt });
    const guard = policyOn(rt, health);
    for (let failure = 0; failure < 4; failure++) await quietly(guard(boom));
    await guard(fine);
    for (let failure = 0; failure < 4; failure++) await quietly(guard(boom));
    assert.equal(health.state, 'closed');
    await quietly(guard(boom));
    assert.equal(health.state, 'open');
    const refused = (await quietly(guard(fine))) as BreakerOpen;
    assert.ok(refused instanceof BreakerOpen);
    assert.equal(refused.retryAfterMs, 30_000);
    await clock.advance(29_999);
    await assert.rejects(guard(fine), BreakerOpen);
    await clock.advance(1);
    await guard(fine);
    assert.equal(health.state, 'half-open');
    await guard(fine);
    assert.equal(health.state, 'closed');
  });

  test('A3.1: results of calls begun before it opened change nothing later', async () => {
    const { clock, rt } = sea();
    const health = breaker({ runtime: rt, failures: 2, openFor: '10s' });
    const guard = policyOn(rt, health);
    const hold = held();
    const late = [quietly(guard(hold.work)), quietly(guard(hold.work)), quietly(guard(hold.work))];
    hold.fail(0);
    await quietly(guard(boom));
    assert.equal(health.state, 'open');
    await clock.advance(10_000);
    await guard(fine);
    assert.equal(health.state, 'half-open');
    hold.fail(1);
    hold.succeed(2);
    await Promise.all(late);
    assert.equal(health.state, 'half-open');
  });

  test('A3.2: while its probes run, others are refused at once and told when to come again', async () => {
    const { clock, guard } = await opened({ probes: 1 });
    await clock.advance(10_000);
    const hold = held();
    const probe = guard(hold.work);
    for (let caller = 0; caller < 1000; caller++) {
      const refused = (await quietly(guard(fine))) as BreakerOpen;
      assert.ok(refused instanceof BreakerOpen && (refused.retryAfterMs as number) > 0);
    }
    hold.succeed();
    await probe;
  });

  test('A3.11: a probe that hangs holds it no longer than its lease', async () => {
    const { clock, health, guard } = await opened({ probes: 1, probeLease: '5s' });
    await clock.advance(10_000);
    void quietly(guard(held().work));
    await clock.advance(4999);
    await assert.rejects(guard(fine), /waits for its probes/);
    await clock.advance(1);
    await assert.rejects(guard(fine), BreakerOpen);
    assert.equal(health.state, 'open');
    await clock.advance(10_000);
    await guard(fine);
    await guard(fine);
    assert.equal(health.state, 'closed');
  });

  test('A3.3: after an idle hour nothing old counts', async () => {
    const { clock, rt } = sea();
    const health = breaker({ runtime: rt, failureRate: 0.5, minimumCalls: 10, window: '10s' });
    const guard = policyOn(rt, health);
    for (let call = 0; call < 9; call++) await quietly(guard(boom));
    await clock.advance(3_600_000);
    await quietly(guard(boom));
    for (let call = 0; call < 8; call++) await guard(fine);
    assert.equal(health.state, 'closed');
  });

  test('A3.5, G11: callers who leave open nothing, and get their own reason', async () => {
    const { rt } = sea();
    const health = breaker({ runtime: rt, failures: 2 });
    const guard = policyOn(rt, health, timeout('10s'));
    for (let call = 0; call < 5; call++) {
      const leaving = new AbortController();
      const left = quietly(guard(held().work, { signal: leaving.signal }));
      leaving.abort(new Error('left'));
      assert.match(String(await left), /left/);
    }
    assert.equal(health.state, 'closed');
  });

  test('an ignored probe gives its place back', async () => {
    const { clock, health, guard } = await opened({ probes: 1 });
    await clock.advance(10_000);
    const wrong = Object.assign(new Error('wrong'), { status: 400 });
    for (let call = 0; call < 5; call++)
      await assert.rejects(
        guard(() => Promise.reject(wrong)),
        /wrong/,
      );
    assert.equal(health.state, 'half-open');
    await guard(fine);
    await guard(fine);
    assert.equal(health.state, 'closed');
  });

  test('its own timeouts are failures', async () => {
    const { clock, rt } = sea();
    const health = breaker({ runtime: rt, failures: 2 });
    const guard = policyOn(rt, health, timeout('1s'));
    const both = [quietly(guard(held().work)), quietly(guard(held().work))];
    await clock.advance(1020);
    await Promise.all(both);
    assert.equal(health.state, 'open');
  });

  test('A3.6: an observer that throws changes no outcome', async () => {
    const angry = () => {
      throw new Error('observer');
    };
    const { clock } = sea();
    const warnings: unknown[] = [];
    const listen = (warning: Error): void => void warnings.push(warning.name);
    process.on('warning', listen);
    const rt = runtime({ clock, observe: { ...silent, count: angry, log: angry } });
    const health = breaker({ runtime: rt, failures: 1 });
    const guard = policyOn(rt, health);
    await assert.rejects(guard(boom), /boom/);
    await assert.rejects(guard(fine), BreakerOpen);
    await ticks();
    process.off('warning', listen);
    assert.ok(warnings.includes('SeaworthyObserver'));
  });

  test('A3.10: refusals do not dilute the rate', async () => {
    const { rt } = sea();
    const health = breaker({ runtime: rt, failureRate: 0.5, minimumCalls: 10, window: '10s' });
    const guard = policyOn(rt, health, bulkhead({ limit: 1, queue: 0 }));
    const hold = held();
    const first = guard(hold.work);
    for (let call = 0; call < 100; call++) await quietly(guard(fine));
    hold.succeed();
    await first;
    for (let call = 0; call < 9; call++) await quietly(guard(boom));
    assert.equal(health.state, 'open');
  });

  test('opens by the rate of failures, and by the rate of slow calls', async () => {
    const { clock, rt } = sea();
    const byRate = breaker({ runtime: rt, failureRate: 0.5, minimumCalls: 4, window: '10s' });
    const one = policyOn(rt, byRate);
    for (const work of [fine, boom, fine]) await quietly(one(work));
    assert.equal(byRate.state, 'closed');
    await quietly(one(boom));
    assert.equal(byRate.state, 'open');
    const bySlowness = breaker({ runtime: rt, slowRate: 0.5, slowAfter: '1s', minimumCalls: 2, window: '10s' });
    const two = policyOn(rt, bySlowness);
    const hold = held();
    const slow = two(hold.work);
    await clock.advance(1000);
    await two(fine);
    assert.equal(bySlowness.state, 'closed');
    hold.succeed(0);
    await slow;
    assert.equal(bySlowness.state, 'open');
  });

  test("stays open as long as the callee's Retry-After says, and longer each time if told to", async () => {
    const asked = await opened({ failures: 1 }).catch(() => undefined);
    assert.ok(asked);
    const { clock, rt } = sea();
    const health = breaker({ runtime: rt, failures: 1, openFor: '1s' });
    const guard = policyOn(rt, health);
    await quietly(guard(() => Promise.reject(Object.assign(new Error('later'), { retryAfterMs: 60_000 }))));
    await clock.advance(59_000);
    await assert.rejects(guard(fine), BreakerOpen);
    const growing = breaker({ runtime: rt, failures: 1, openFor: '1s', openForMax: '1h' });
    const grown = policyOn(rt, growing);
    let last = 0;
    for (let round = 0; round < 6; round++) {
      await quietly(grown(boom));
      last = ((await quietly(grown(fine))) as BreakerOpen).retryAfterMs as number;
      await clock.advance(last);
    }
    assert.ok(last >= 16_000 && last <= 32_000, String(last));
  });

  test('by hand: forced open, disabled, metrics only, and back', async () => {
    const { health, guard } = await opened();
    health.set('disabled');
    assert.equal(await guard(fine), 'fine');
    health.set('metrics-only');
    for (let call = 0; call < 9; call++) await quietly(guard(boom));
    assert.equal(await guard(fine), 'fine');
    health.set('forced-open');
    const refused = (await quietly(guard(fine))) as BreakerOpen;
    assert.equal(refused.retryAfterMs, undefined);
    health.set('auto');
    assert.equal(health.state, 'open');
  });

  test('new options keep what was counted', async () => {
    const { rt } = sea();
    const health = breaker({ runtime: rt, failureRate: 0.9, minimumCalls: 10, window: '10s' });
    const guard = policyOn(rt, health);
    for (let call = 0; call < 9; call++) await quietly(guard(call % 2 ? fine : boom));
    health.configure({ failureRate: 0.5, minimumCalls: 10, window: '10s' });
    await quietly(guard(boom));
    assert.equal(health.state, 'open');
  });

  test('ramps up the share that it admits', async () => {
    const { clock, rt } = sea();
    const health = breaker({ runtime: rt, failures: 1, openFor: '1s', successes: 1, ramp: '10s' });
    const guard = policyOn(rt, health);
    await quietly(guard(boom));
    await clock.advance(1000);
    await guard(fine);
    const admitted = async (): Promise<number> => {
      let count = 0;
      for (let call = 0; call < 200; call++) if ((await quietly(guard(fine))) === 'fine') count++;
      return count;
    };
    const early = await admitted();
    await clock.advance(5000);
    const half = await admitted();
    await clock.advance(5000);
    assert.ok(early > 0 && early < 60, String(early));
    assert.ok(half > 70 && half < 150, String(half));
    assert.equal(await admitted(), 200);
  });
});
