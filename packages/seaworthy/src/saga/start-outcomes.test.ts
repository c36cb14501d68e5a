import assert from 'node:assert/strict';
import type { Tx } from '../store/store.ts';
import { seededRandom, virtualClock } from '../testing/clock.ts';
import { saga } from './definition.ts';
import { eachStore } from './each-store.fixture.ts';
import type { SagaEngine } from './engine.ts';
import { Ref, record, remote, trips, type World } from './world.fixture.ts';

const { named } = eachStore(virtualClock, () => seededRandom(1));

const Days = record({ id: 'string', days: 'integer' });
const staying = saga(trips, 'staying', { input: Days, uses: [remote], key: ({ id }) => id }).step('pay', {
  do: ({ call, input }) => call(remote.pay, input),
  undo: ({ call, input }) => call(remote.repay, input),
});
const keyless = saga(trips, 'keyless', { input: Ref, uses: [remote] }).step('pay', { do: ({ call, input }) => call(remote.pay, input) });

/** What a handler learns in its transaction, as far as it says. */
async function learn<V>(
  world: World,
  engine: SagaEngine,
  work: (started: ReturnType<SagaEngine['collect']>, tx: Tx) => Promise<V>,
): Promise<V> {
  let started: ReturnType<SagaEngine['collect']> | undefined;
  const learnt = await world.store.transaction(async (tx) => {
    started = engine.collect(tx);
    const what = await work(started, tx);
    await started.write(tx);
    return what;
  });
  started?.committed();
  return learnt;
}
const brief = <T extends object>(told: T): Omit<T, 'id'> => {
  const { id: _, ...rest } = told as T & { id?: string };
  return rest;
};

named('a start and a stop return their outcomes, for an instance in any state', async (world) => {
  let go: (value: unknown) => void = () => {};
  world.callee.answers = { pay: () => new Promise((resolve) => (go = resolve)), repay: () => new Promise(() => {}) };
  const { engine } = await world.process([staying, keyless]);
  const start = (id: string, days = 1) => learn(world, engine, async (given) => given.start(staying, { id, days }));
  const stop = (id: string) => learn(world, engine, async (given) => given.stop(staying, id, 'why'));
  assert.deepEqual(brief(await stop('a')), { stopping: false, already: 'unknown' });
  const first = await start('a');
  assert.deepEqual(brief(first), { started: true });
  assert.equal((await world.instance()).id, first.id);
  assert.deepEqual(await start('a'), { started: false, id: first.id, already: 'running', sameInput: true });
  assert.deepEqual(brief(await start('a', 9)), { started: false, already: 'running', sameInput: false });
  await world.when('it pays', () => world.callee.log.includes('pay a'));
  go(undefined);
  await world.until('done');
  assert.deepEqual(brief(await start('a')), { started: false, already: 'done', sameInput: true });
  assert.deepEqual(brief(await stop('a')), { stopping: false, already: 'done' });
  const second = await start('b');
  assert.deepEqual(await stop('b'), { stopping: true, id: second.id });
  await world.when('it is undone', () => world.callee.log.includes('repay b'));
  assert.deepEqual(brief(await stop('b')), { stopping: false, already: 'undoing' });
  assert.deepEqual(brief(await start('b')), { started: false, already: 'undoing', sameInput: true });
  for (let n = 0; n < 2; n++)
    assert.deepEqual(brief(await learn(world, engine, async (given) => given.start(keyless, { id: 'k' }))), { started: true });
});

named('the outcome counts earlier starts and stops of the handler, but not those of a savepoint that was rolled back', async (world) => {
  world.callee.answers = { pay: () => new Promise(() => {}) };
  const { engine } = await world.process([staying]);
  const told = await learn(world, engine, async ({ start, stop }, tx) => {
    const failed = tx.savepoint(async () => {
      start(staying, { id: 'a', days: 7 });
      throw new Error('taken back');
    });
    await failed.catch(() => {});
    return [
      await start(staying, { id: 'a', days: 1 }),
      await start(staying, { id: 'a', days: 2 }),
      await stop(staying, 'a', 'why'),
      await stop(staying, 'a', 'why'),
      await start(staying, { id: 'a', days: 1 }),
    ].map(brief);
  });
  assert.deepEqual(told, [
    { started: true },
    { started: false, already: 'running', sameInput: false },
    { stopping: true },
    { stopping: true },
    { started: false, already: 'stopping', sameInput: true },
  ]);
  await world.until('undone');
});

named('an outcome need not be awaited; another input under the key of an instance is then logged, an equal one is not', async (world) => {
  const { engine } = await world.process([staying]);
  await world.run(engine, ({ start }) => void start(staying, { id: 'a', days: 1 }));
  await world.until('done');
  await world.run(engine, ({ start }) => void start(staying, { id: 'a', days: 1 }));
  const warned = (): number => world.said.filter((line) => line.startsWith('warn: saga not started')).length;
  assert.equal(warned(), 0);
  await world.run(engine, ({ start }) => void start(staying, { id: 'a', days: 2 }));
  assert.equal(warned(), 1);
  await learn(world, engine, async (given) => given.start(staying, { id: 'a', days: 3 }));
  assert.equal(warned(), 1);
});
