import assert from 'node:assert/strict';
import { Failure } from '../client/call.ts';
import { systemRandom } from '../core/random.ts';
import { runtime } from '../core/runtime.ts';
import { sleep } from '../core/sleep.ts';
import { sqlite } from '../store/drivers/sqlite.ts';
import { fastClock, killTests, type Live } from '../testing/kill.fixture.ts';
import { saga } from './definition.ts';
import { type Instance, instanceOf } from './instance.ts';
import { openWorld, Ref, remote, trips } from './world.fixture.ts';

const die = (): void => void process.kill(process.pid, 'SIGKILL');
const places = ['step', 'local step', 'undo', 'local undo'] as const;
type Place = (typeof places)[number];

/** A saga that kills its process at one place, and another one that is in flight beside it. */
const sagasOf = (place: Place) =>
  [
    saga(trips, 'deadly', { input: Ref, uses: [remote], key: ({ id }) => id })
      .step('book', {
        do: ({ call, input }) => call(remote.book, input),
        undo({ call, input }) {
          if (place === 'undo') die();
          return call(remote.unbook, input);
        },
      })
      .local('note', {
        do() {
          if (place === 'local step') die();
        },
        undo() {
          if (place === 'local undo') die();
        },
      })
      .step('pay', {
        do({ call, input }) {
          if (place === 'step') die();
          return call(remote.pay, input);
        },
      }),
    saga(trips, 'beside', { input: Ref, uses: [remote], key: ({ id }) => id }).step('book', {
      do: ({ call, input }) => call(remote.book, input),
    }),
  ] as const;

async function child(dir: string, place: Place): Promise<void> {
  const world = await openWorld(sqlite({ dir }), fastClock, systemRandom);
  const [deadly, beside] = sagasOf(place);
  world.callee.answers = {
    // Long enough to be in flight when the deadly saga kills the process.
    book: () => sleep(fastClock, 100).then(() => ({ seat: 7 })),
    pay() {
      throw new Failure('Broke', undefined);
    },
  };
  const { engine } = await world.process([deadly, beside]);
  if ((await world.store.read.all('select 1 from sw_saga')).length === 0)
    await world.run(engine, ({ start }) => {
      for (const id of ['a', 'b', 'c']) start(beside, { id });
      start(deadly, { id: 'd' });
    });
  await world.when('all have ended or are stuck', async () => {
    const live = await world.store.read.all("select 1 from sw_saga where state in ('running', 'undoing')");
    return live.length === 0;
  });
  process.exit(0);
}

/** The instances as the last process left them. */
async function left(dir: string): Promise<{ readonly deadly: Instance; readonly beside: readonly Instance[] }> {
  const store = await sqlite({ dir }).open('trips', runtime());
  const all = (await store.read.all('select * from sw_saga')).map(instanceOf);
  await store.close();
  const deadly = all.find(({ name }) => name === 'deadly');
  assert.ok(deadly);
  return { deadly, beside: all.filter(({ name }) => name === 'beside') };
}

await killTests(
  import.meta.filename,
  child,
  places.map((place) => ({
    name: `G7: kill -9 by each run of ${place.startsWith('undo') ? 'an' : 'a'} ${place}: after 5 deaths it is not run again, and the sagas beside it are done before`,
    async body(dir: string, live: Live<Place>) {
      const deaths: number[] = [];
      // The step before a local one is written by itself once a process died: that death was not the local step's.
      const before = place === 'local step' ? [0] : [];
      for (let life = 1; life <= before.length + 5; life++) {
        assert.equal(await live(place), 'SIGKILL', `life ${life}`);
        deaths.push((await left(dir)).deadly.crashes);
      }
      // The death of a suspect is written before its run, that of any other saga when another process takes it over.
      assert.deepEqual(deaths, [...before, 0, 1, 3, 4, 5]);
      const { beside } = await left(dir);
      assert.deepEqual(
        beside.map(({ state }) => state),
        ['done', 'done', 'done'],
      );
      assert.equal(await live(place), 'exit 0');
      const { deadly } = await left(dir);
      const name = { step: 'pay', 'local step': 'note', undo: 'book', 'local undo': 'note' }[place];
      if (place.endsWith('undo')) {
        assert.equal(deadly.state, 'stuck');
        assert.match(deadly.error ?? '', new RegExp(`^5 processes died while they ran the undo of ${name}:`));
        assert.equal(deadly.journal.find(({ step }) => step === name)?.state, 'stuck');
      } else {
        assert.equal(deadly.state, 'undone');
        assert.deepEqual(deadly.cause?.kind === 'failed' && [deadly.cause.step, deadly.cause.code, deadly.cause.message.split(':')[0]], [
          name,
          'SW_SAGA_STEP_CRASHED',
          `5 processes died while they ran the step ${name}`,
        ]);
        assert.equal(deadly.journal.find(({ step }) => step === 'book')?.state, 'undone');
      }
    },
  })),
);
