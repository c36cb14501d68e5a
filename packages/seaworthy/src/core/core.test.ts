import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { seededRandom, virtualClock } from '../testing/clock.ts';
import { orAborted, scope } from './abort.ts';
import { systemClock } from './clock.ts';
import { Deadline, DeadlineExceeded } from './deadline.ts';
import { type Duration, DurationInvalid, durationOf, milliseconds } from './duration.ts';
import { seededIds, systemIds } from './ids.ts';
import { guarded, type Observe, silent } from './observe.ts';
import { sleep } from './sleep.ts';
import { wakeup } from './wakeup.ts';

test('a timer of the system clock may be longer than the longest timer of Node', ({ mock }) => {
  let now = 0;
  const set: { readonly run: () => void; readonly ms: number; readonly timer: object; unref: boolean }[] = [];
  const cleared: unknown[] = [];
  mock.method(performance, 'now', () => now);
  mock.method(globalThis, 'setTimeout', (run: () => void, ms: number) => {
    const one = { run, ms, unref: false, timer: {} };
    one.timer = {
      unref() {
        one.unref = true;
        return one.timer;
      },
    };
    set.push(one);
    return one.timer;
  });
  mock.method(globalThis, 'clearTimeout', (timer: unknown) => void cleared.push(timer));
  const thirty = milliseconds('30d');
  let fired = 0;
  const timer = systemClock.after(2 * thirty, () => void fired++, { background: true });
  let slept = 0;
  for (let one = set.shift(); one; one = set.shift()) {
    assert.ok(one.ms <= 2 ** 31 - 1 && one.unref);
    slept += one.ms;
    now += one.ms;
    assert.equal(fired, 0);
    one.run();
  }
  assert.deepEqual([fired, slept], [1, 2 * thirty]);
  timer.cancel();
  const cut = systemClock.after(2 * thirty, () => void fired++);
  set.shift()?.run();
  cut.cancel();
  assert.equal(cleared.at(-1), set[0]?.timer, 'it is the slice at hand that is cleared');
});

test('durations carry their unit', () => {
  assert.deepEqual(
    (['250ms', '2s', '1.5m', '24h', '7d', '0s'] as const).map((duration) => milliseconds(duration)),
    [250, 2000, 90_000, 86_400_000, 604_800_000, 0],
  );
  for (const duration of ['1ms', '1500ms', '90s', '2m', '36h', '7d', '0ms'] as const)
    assert.equal(durationOf(milliseconds(duration)), duration);
  assert.equal(durationOf(60_000), '1m');
  for (const wrong of ['5', '-1s', 's', '1 s', '1w', '', '36501d', `1${'0'.repeat(400)}d`, 5, null]) {
    assert.throws(
      () => milliseconds(wrong as Duration, 'retry base'),
      (error: unknown) => error instanceof DurationInvalid && error.message.startsWith('retry base is '),
    );
  }
});

test('ids are UUIDs of version 7, unique, and in the order of time', async () => {
  const made = new Set(Array.from({ length: 10_000 }, () => systemIds.next()));
  assert.equal(made.size, 10_000);
  for (const id of made) assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  const clock = virtualClock();
  const ids = seededIds(clock, seededRandom(1));
  const first = ids.next();
  await clock.advance(1);
  assert.ok(first < ids.next());
  assert.equal(seededIds(virtualClock(), seededRandom(1)).next(), first);
});

test('a sleep ends at its time or with the reason of its signal, and leaves no timer and no listener', async () => {
  const clock = virtualClock();
  let slept = false;
  const whole = sleep(clock, 100).then(() => {
    slept = true;
  });
  await clock.advance(99);
  assert.equal(slept, false);
  await clock.advance(1);
  await whole;
  const leaving = new AbortController();
  const cut = sleep(clock, 1000, leaving.signal);
  leaving.abort(new Error('left'));
  await assert.rejects(cut, /left/);
  await assert.rejects(sleep(clock, 1000, AbortSignal.abort(new Error('before'))), /before/);
  assert.equal(clock.waiting, 0);
});

test('a scope aborts with its parents or at its time, and releases both', async () => {
  const clock = virtualClock();
  const parent = new AbortController();
  const timeout = { ms: 100, reason: () => new Error('late') };
  const timed = scope({ clock, parents: [parent.signal], timeout });
  await clock.advance(100);
  assert.match(String(timed.signal.reason), /late/);
  const left = scope({ clock, parents: [new AbortController().signal, parent.signal], timeout });
  const ended = scope({ clock, parents: [parent.signal], timeout });
  ended.end();
  parent.abort(new Error('left'));
  assert.match(String(left.signal.reason), /left/);
  assert.equal(ended.signal.aborted, false);
  assert.equal(await timed.race(Promise.resolve(1)).catch(String), 'Error: late');
  assert.equal(await ended.race(Promise.resolve(1)), 1);
  const cut = ended.race(new Promise(() => {}));
  ended.abort(new Error('cut'));
  await assert.rejects(cut, /cut/);
  assert.equal(scope({ clock, parents: [parent.signal], timeout }).signal.aborted, true);
  assert.equal(clock.waiting, 0);
});

test('orAborted returns the outcome of the work, or rejects with the reason of the signal', async () => {
  const leaving = new AbortController();
  assert.equal(await orAborted(Promise.resolve(1), leaving.signal), 1);
  await assert.rejects(orAborted(Promise.reject(new Error('no')), leaving.signal), /no/);
  const cut = orAborted(new Promise(() => {}), leaving.signal);
  leaving.abort(new Error('left'));
  await assert.rejects(cut, /left/);
});

test('a nested call never gets more time than its caller', () => {
  const clock = virtualClock();
  fc.assert(
    fc.property(fc.nat(10_000), fc.nat(10_000), (one, two) => {
      const [first, second] = [Deadline.after(clock, `${one}ms`), Deadline.after(clock, `${two}ms`)];
      assert.equal(first.within(second).remaining(), Math.min(one, two));
      assert.equal(first.within(undefined), first);
    }),
  );
  assert.throws(() => new Deadline(clock, clock.monotonic()).check('it'), DeadlineExceeded);
});

test('a wake-up that was notified before the wait ends it at once', async () => {
  const clock = virtualClock();
  const one = wakeup(clock);
  const { signal } = new AbortController();
  one.notify();
  await one.wait(1000, signal);
  let woke = false;
  const wait = one.wait(1000, signal).then(() => {
    woke = true;
  });
  await clock.advance(500);
  assert.equal(woke, false);
  one.notify();
  await wait;
  await one.wait(1000, AbortSignal.abort());
  assert.equal(clock.waiting, 0);
});

test('an observer that throws is reported once and changes nothing', async () => {
  const warnings: string[] = [];
  const listen = (warning: Error): void => void warnings.push(warning.message);
  process.on('warning', listen);
  const angry = guarded({ ...silent, count: () => assert.fail('angry'), span: () => assert.fail('angry') });
  angry.count('a');
  angry.count('b');
  angry.span('c').end('ok');
  await new Promise((resolve) => setImmediate(resolve));
  process.off('warning', listen);
  assert.equal(warnings.length, 1);
});

test('an observer that throws or calls twice does not change the work of a span', async () => {
  const odd: Observe = {
    ...silent,
    span: () => ({
      trace: undefined,
      run: (work) => {
        work();
        work();
        throw new Error('odd');
      },
      note: () => assert.fail('odd'),
      end: () => assert.fail('odd'),
    }),
  };
  const never: Observe = { ...silent, span: () => ({ trace: undefined, run: () => assert.fail('odd'), note: () => {}, end: () => {} }) };
  for (const observe of [guarded(odd), guarded(never)]) {
    let times = 0;
    const span = observe.span('a');
    assert.equal(
      span.run(() => ++times),
      1,
    );
    assert.equal(times, 1);
    const own = new Error('own');
    assert.throws(
      () =>
        span.run(() => {
          throw own;
        }),
      (error) => error === own,
    );
    span.end('ok');
  }
});

test('without telemetry a received trace is passed on unchanged', () => {
  const parent = { traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01` };
  assert.equal(silent.span('a', {}, { parent }).trace, parent);
  assert.equal(silent.span('a').trace, undefined);
  const broken = guarded({ ...silent, span: () => assert.fail('odd') });
  assert.equal(broken.span('a', {}, { parent }).trace, parent);
});
