import assert from 'node:assert/strict';
import { alone } from '../outbox/suspects.ts';
import { worker } from '../store/worker.ts';
import { seededRandom, virtualClock } from '../testing/clock.ts';
import { SagaInvalid, saga } from './definition.ts';
import { eachStore } from './each-store.fixture.ts';
import { orphansOf, Ref, remote, trip, trips, type World } from './world.fixture.ts';

const { named } = eachStore(virtualClock, () => seededRandom(1));

const paying = saga(trips, 'paying', { input: Ref, uses: [remote], key: ({ id }) => id }).step('pay', {
  timeout: '1h',
  do: ({ call, input }) => call(remote.pay, input),
});
/** An instance of `paying` that nobody owns, with so many deaths. */
const insert = (world: World, id: string, more: { readonly crashes?: number; readonly owner?: string; readonly due?: number } = {}) =>
  world.store.transaction((tx) =>
    tx.run(
      `insert into sw_saga (id, name, saga_key, plan, input, state, journal, attempts, due, owner, crashes, started, changed)
        values (?, 'paying', ?, 'remote pay', ?, 'running', '[{"step":"pay","state":"intended"}]', 0, ?, ?, ?, 0, 0)`,
      ...[id, id, JSON.stringify({ id }), more.due ?? 0, more.owner ?? '', more.crashes ?? 0],
    ),
  );
const crashes = async (world: World): Promise<readonly (readonly [string, number])[]> =>
  (await world.store.read.all('select id, crashes from sw_saga order by id')).map((row) => [String(row['id']), Number(row['crashes'])]);
const ended = async (world: World, count: number): Promise<boolean> =>
  (await world.store.read.all("select 1 from sw_saga where state = 'done'")).length === count;
const down = AbortSignal.abort(new Error('down'));

named(
  'an orderly stop is not a death, however often it aborts a step; the death that was written for a suspect is taken back',
  async (world) => {
    world.callee.answers = { pay: () => new Promise(() => {}) };
    let life = await world.process([trip]);
    await world.start(life.engine);
    for (let lives = 1; lives <= 4; lives++) {
      await world.when('it pays', () => world.callee.log.length === 1 + lives);
      await life.engine.close(down);
      await life.worker.close();
      assert.equal((await world.instance()).crashes, 0);
      life = await world.process([trip]);
    }
    await life.engine.close(down);
    await life.worker.close();
    await world.store.transaction((tx) => tx.run('update sw_saga set crashes = 2'));
    const before = world.callee.log.length;
    life = await world.process([trip]);
    await world.when('it pays', () => world.callee.log.length > before);
    assert.equal((await world.instance()).crashes, 3, 'its death is written before the run');
    await life.engine.close(down);
    await life.worker.close();
    assert.equal((await world.instance()).crashes, 2);
  },
);

named('a death counts for an instance that was due and owned by a process that did not stop in order, and for no other', async (world) => {
  const own = await worker(world.store, world.runtime);
  await world.store.transaction((tx) => tx.run("insert into sw_worker (id, until, ttl) values ('killed', 0, 3000)"));
  const due = world.clock.now();
  await insert(world, 'due', { owner: 'killed', due });
  await insert(world, 'later', { owner: 'killed', due: due + 1000 });
  await insert(world, 'stopped', { owner: 'stopped', due });
  await insert(world, 'free', { due });
  await insert(world, 'suspect', { owner: 'killed', due, crashes: 2 });
  const taken = await orphansOf(world, world.store, own, paying).take(10);
  assert.equal(taken.length, 5);
  assert.deepEqual(await crashes(world), [
    ['due', 1],
    ['free', 0],
    ['later', 0],
    ['stopped', 0],
    // Its death was written before its run.
    ['suspect', 2],
  ]);
  assert.deepEqual(
    world.said.filter((line) => line.startsWith('error')),
    ['error: a saga may be what kills its processes; running it alone'],
  );
});

named('suspects run one at a time, those with the fewest deaths first; the others run beside them', async (world) => {
  const answers = new Map<string, () => void>();
  const order: string[] = [];
  world.callee.answers = {
    pay: () => {
      const { log } = world.callee;
      const id = String(log.at(-1)).split(' ')[1] as string;
      order.push(id);
      return new Promise<void>((resolve) => answers.set(id, resolve));
    },
  };
  for (const [id, deaths] of [
    ['four', 4],
    ['two', 2],
    ['three', 3],
    ['none', 0],
    ['one', 1],
  ] as const)
    await insert(world, id, { crashes: deaths });
  let gauge = (): number => 0;
  const observe = {
    ...world.runtime.observe,
    gauge(name: string, _: object, read: () => number) {
      if (name === 'seaworthy_saga_suspect') gauge = read;
      return () => {};
    },
  };
  const { engine } = await world.process([paying], world.store, { runtime: { ...world.runtime, observe } });
  await world.when('three are at it', () => answers.size === 3);
  await world.clock.advance(5000);
  assert.deepEqual(order.toSorted(), ['none', 'one', 'two']);
  assert.equal(gauge(), 3);
  answers.get('two')?.();
  await world.when('the next one is at it', () => answers.size === 4);
  assert.deepEqual([order.at(-1), gauge()], ['three', 2]);
  answers.get('three')?.();
  await world.when('the last one is at it', () => answers.size === 5);
  for (const answer of answers.values()) answer();
  await world.when('all are done', () => ended(world, 5));
  assert.deepEqual(
    (await crashes(world)).map(([, deaths]) => deaths),
    [0, 0, 0, 0, 0],
  );
  await engine.close();
});

named('a suspect waits while another suspect of its process runs, and a close ends its wait', async (world) => {
  const place = alone();
  const giveBack = place.tryTake();
  await insert(world, 'a', { crashes: 2 });
  const first = await world.process([paying], world.store, { alone: place });
  await world.clock.advance(3000);
  assert.deepEqual([world.callee.log, await crashes(world)], [[], [['a', 2]]]);
  await first.engine.close();
  await first.worker.close();
  await world.process([paying], world.store, { alone: place });
  giveBack?.();
  await world.when('it is done', () => ended(world, 1));
});

named('a suspect that fails without a death continues like any other saga', async (world) => {
  world.callee.answers = {
    pay: (attempt) => {
      if (attempt === 1) throw new Error('connection lost');
    },
  };
  await insert(world, 'a', { crashes: 4 });
  const { engine } = await world.process([paying]);
  await world.when('it is done', () => ended(world, 1));
  assert.deepEqual(await crashes(world), [['a', 0]]);
  await engine.close();
});

named('a limit of fewer than three deaths is refused, since it may blame the wrong saga', async (world) => {
  for (const deaths of [0, 2, 2.5, Number.NaN])
    await assert.rejects(world.process([paying], world.store, { crashes: deaths }), (error: unknown) => error instanceof SagaInvalid);
});
