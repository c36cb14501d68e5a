import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Deadline, DeadlineExceeded } from '../core/deadline.ts';
import { type Duration, DurationInvalid } from '../core/duration.ts';
import { sleep } from '../core/sleep.ts';
import { breaker } from './breaker.ts';
import { bulkhead } from './bulkhead.ts';
import { AttemptTimeout, PolicyInvalid } from './errors.ts';
import { deadline, fallback, timeout } from './parts.ts';
import { policyOn } from './policy.ts';
import { retry } from './retry.ts';
import { boom, fine, held, quietly, ticks, virtualRuntime } from './virtual-runtime.fixture.ts';

test('a guard resolves to the result of the work and rejects with its error', async () => {
  const guard = policyOn(virtualRuntime().rt, deadline('2s'), retry(), breaker(), bulkhead({ limit: 2 }), timeout('1s'));
  assert.equal(await guard(fine), 'fine');
  assert.equal(await guard(() => 5), 5);
  await assert.rejects(policyOn(virtualRuntime().rt, timeout('1s'))(boom), /boom/);
  await assert.rejects(
    policyOn(virtualRuntime().rt)(() => {
      throw new Error('at once');
    }),
    /at once/,
  );
});

test('a policy takes each part once', () => {
  assert.throws(() => policyOn(virtualRuntime().rt, timeout('1s'), timeout('2s')), PolicyInvalid);
  assert.throws(() => breaker({ failures: 0 }), /breaker failures must be a whole number of at least 1, got 0/);
  assert.throws(() => bulkhead({ limit: 1.5 }), /bulkhead limit/);
  assert.throws(() => timeout('5' as never), /write a number and a unit/);
});

test('a timeout rejects the attempt, aborts its signal and says that the outcome is unknown', async () => {
  const { clock, rt } = virtualRuntime();
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

test('the deadline bounds all attempts and waits together; no attempt starts after it', async () => {
  const { clock, rt } = virtualRuntime();
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

test("the caller's deadline holds if it is earlier than that of the policy", async () => {
  const { clock, rt } = virtualRuntime();
  const hangs = (until: Deadline | Duration) => quietly(policyOn(rt, deadline('1h'))(() => new Promise(() => {}), { deadline: until }));
  const cut = [hangs(new Deadline(clock, clock.monotonic() + 100)), hangs('100ms')];
  await clock.advance(150);
  for (const one of cut) assert.ok((await one) instanceof DeadlineExceeded);
});

test('a deadline that is neither a moment nor a duration is refused before the work begins', async () => {
  const { rt } = virtualRuntime();
  for (const guard of [
    policyOn(rt),
    policyOn(rt, breaker()),
    policyOn(
      rt,
      retry(),
      fallback(() => 'instead'),
    ),
  ])
    for (const wrong of ['2 parsecs', 2000, new Date(0), null])
      await assert.rejects(
        guard(() => assert.fail('it began'), { deadline: wrong as never }),
        (error: unknown) => error instanceof DurationInvalid && /^deadline /.test(error.message),
      );
});

test('a fallback answers for the last error, but not after an abort by the caller', async () => {
  const { rt } = virtualRuntime();
  const guard = policyOn(
    rt,
    fallback((error) => `instead of ${(error as Error).message}`),
    retry({ attempts: 2, base: '0ms' }),
  );
  assert.equal(await guard(boom), 'instead of boom');
  await assert.rejects(guard(boom, { signal: AbortSignal.abort(new Error('left')) }), /left/);
});

test('a guard leaves no listener on a long-lived signal', async () => {
  const { rt } = virtualRuntime();
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

test('a guard makes no abort controller for work that does not read its signal', async () => {
  const { rt } = virtualRuntime();
  const Original = globalThis.AbortController;
  let made = 0;
  globalThis.AbortController = class extends Original {
    constructor() {
      super();
      made++;
    }
  };
  try {
    const guard = policyOn(rt, deadline('2s'), retry(), breaker(), bulkhead({ limit: 2 }), timeout('1s'));
    await guard(fine);
    assert.equal(made, 0);
    await guard(({ signal }) => assert.equal(signal.aborted, false));
    assert.equal(made, 1);
  } finally {
    globalThis.AbortController = Original;
  }
});

test('a signal that is first read after the timeout is aborted', async () => {
  const { clock, rt } = virtualRuntime();
  const hold = held();
  let aborted: boolean | undefined;
  const cut = quietly(
    policyOn(
      rt,
      timeout('1s'),
    )(async (context) => {
      await hold.work();
      aborted = context.signal.aborted;
    }),
  );
  await clock.run(cut);
  hold.succeed();
  await ticks();
  assert.equal(aborted, true);
});

test('a fallback runs after the deadline of the policy, within the deadline of the caller', async () => {
  const { clock, rt } = virtualRuntime();
  const slowly = policyOn(
    rt,
    deadline('1s'),
    fallback(async () => {
      await sleep(rt.clock, 100);
      return 'instead';
    }),
  );
  assert.equal(await clock.run(slowly(held().work)), 'instead');
  const began = clock.monotonic();
  const short = slowly(held().work, { deadline: new Deadline(clock, began + 500) });
  await assert.rejects(clock.run(short), DeadlineExceeded);
  const hung = policyOn(
    rt,
    fallback(() => new Promise(() => {})),
  )(boom, { deadline: new Deadline(clock, clock.monotonic() + 500) });
  await assert.rejects(clock.run(hung), DeadlineExceeded);
});
