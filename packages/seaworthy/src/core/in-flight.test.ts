import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { virtualClock } from '../testing/clock.ts';
import { type Scope, scope } from './abort.ts';
import { InFlight, type Load } from './in-flight.ts';

const most = { rows: 3, bytes: 100 };

/** Work in flight on a virtual clock, each piece of which ends when the test says so. */
function flight(limits = most) {
  const clock = virtualClock();
  const inFlight = new InFlight({ clock, most: limits });
  const ends = new Map<string, () => void>();
  const scopes = new Map<string, Scope>();
  const outcomes = new Map<string, unknown>();
  const run = (id: string, load?: Load): void => {
    const work = (within: Scope): Promise<string> => {
      scopes.set(id, within);
      return within.race(new Promise((resolve) => ends.set(id, () => resolve('done'))));
    };
    inFlight.run(id, work, { load }).then(
      (outcome) => outcomes.set(id, outcome),
      (reason: unknown) => outcomes.set(id, reason),
    );
  };
  const end = async (id: string): Promise<void> => {
    ends.get(id)?.();
    await clock.advance(0);
  };
  return { clock, inFlight, run, end, scopes, outcomes };
}

test('work is in flight from its start to its end, and counts against the limit of its kind', async () => {
  const { inFlight, run, end, outcomes } = flight();
  run('a', { bytes: 60 });
  run('b', { bytes: 60 });
  run('c', { bytes: 10, kind: 'other' });
  run('d');
  assert.deepEqual([inFlight.size, inFlight.ids, inFlight.has('a')], [4, ['a', 'b', 'c', 'd'], true]);
  assert.deepEqual(
    [inFlight.room(), inFlight.room('other'), inFlight.room('new')],
    [{ rows: 1, bytes: -20 }, { rows: 2, bytes: 90 }, most],
  );
  await end('a');
  assert.deepEqual([outcomes.get('a'), inFlight.has('a'), inFlight.room()], ['done', false, { rows: 2, bytes: 40 }]);
});

test('failed work no longer counts against the limit', async () => {
  const { inFlight } = flight();
  await assert.rejects(
    inFlight.run('a', () => Promise.reject(new Error('no database')), { load: { bytes: 10 } }),
    /no database/,
  );
  assert.deepEqual([inFlight.size, inFlight.room()], [0, most]);
});

test('abort aborts one run with its reason', async () => {
  const { clock, inFlight, run, outcomes } = flight();
  run('a');
  run('b');
  assert.deepEqual([inFlight.abort('a', 'stop'), inFlight.abort('z', 'stop')], [true, false]);
  await clock.advance(0);
  assert.deepEqual([outcomes.get('a'), inFlight.ids], ['stop', ['b']]);
});

test('a further parent, such as the ownership of a partition, aborts the work', async () => {
  const { clock, inFlight, outcomes } = flight();
  const owned = scope({ clock });
  inFlight
    .run('a', (within) => within.race(new Promise(() => {})), { parents: [owned] })
    .catch((reason: unknown) => outcomes.set('a', reason));
  owned.abort('lost');
  await clock.advance(0);
  assert.deepEqual([outcomes.get('a'), inFlight.size], ['lost', 0]);
});

test('a close waits for all runs', async () => {
  const { clock, inFlight, run, end, scopes } = flight();
  run('a');
  let left: number | undefined;
  const closing = inFlight.close().then((count) => {
    left = count;
  });
  await clock.advance(1000);
  assert.deepEqual([inFlight.closing.aborted, left, scopes.get('a')?.aborted], [true, undefined, false]);
  await end('a');
  await closing;
  assert.deepEqual([left, clock.waiting], [0, 0]);
});

test('a close that is cut short aborts all runs with the reason of its signal', async () => {
  const { clock, inFlight, run, outcomes } = flight();
  run('a');
  const down = new AbortController();
  const closing = inFlight.close(down.signal);
  await clock.advance(0);
  down.abort('down');
  assert.equal(await closing, 0);
  assert.deepEqual([outcomes.get('a'), inFlight.cut.aborted], ['down', true]);
  run('b');
  await clock.advance(0);
  assert.equal(outcomes.get('b'), 'down', 'what begins later begins aborted');
});

test('work that ignores its abort is abandoned after the grace period and counted', async () => {
  const { clock, inFlight } = flight();
  void inFlight.run('deaf', () => new Promise(() => {}));
  let left: number | undefined;
  inFlight.close(AbortSignal.abort('down'), 1000).then((count) => {
    left = count;
  });
  await clock.advance(999);
  assert.equal(left, undefined);
  await clock.advance(1);
  assert.deepEqual([left, clock.waiting], [1, 0]);
});

test('property: the room is always the limit without the load of the runs', async () => {
  const id = fc.constantFrom('a', 'b', 'c', 'd', 'e');
  const step = fc.oneof(
    fc.record({ does: fc.constant('run' as const), id, bytes: fc.nat(50), kind: fc.constantFrom('one', 'two') }),
    fc.record({ does: fc.constantFrom('end' as const, 'abort' as const), id }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const { clock, inFlight, run, end } = flight();
      const model = new Map<string, { readonly bytes: number; readonly kind: string }>();
      for (const one of steps) {
        if (one.does === 'run' && !model.has(one.id)) {
          run(one.id, one);
          model.set(one.id, one);
        }
        if (one.does === 'end' || one.does === 'abort') {
          if (one.does === 'abort') inFlight.abort(one.id, 'stop');
          if (model.delete(one.id)) await end(one.id);
        }
        assert.deepEqual([...inFlight.ids].sort(), [...model.keys()].sort());
        for (const kind of ['one', 'two']) {
          const loads = [...model.values()].filter((load) => load.kind === kind);
          const bytes = loads.reduce((sum, load) => sum + load.bytes, 0);
          assert.deepEqual(inFlight.room(kind), { rows: most.rows - loads.length, bytes: most.bytes - bytes });
        }
      }
      assert.equal(await inFlight.close(AbortSignal.abort('down')), 0);
      assert.equal(clock.waiting, 0);
    }),
    { numRuns: 200 },
  );
});
