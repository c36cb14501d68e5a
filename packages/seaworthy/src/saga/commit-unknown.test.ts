import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Failure } from '../client/call.ts';
import { memory } from '../store/drivers/memory.ts';
import { CommitFailed, CommitUnknown, StoreUnusable } from '../store/errors.ts';
import type { Store, Tx } from '../store/store.ts';
import { seededRandom, virtualClock } from '../testing/clock.ts';
import { saga } from './definition.ts';
import { openWorld, Ref, remote, trips } from './world.fixture.ts';

async function add(tx: Tx, id: string): Promise<void> {
  await tx.run("insert into note (id, text) values (?, 'x') on conflict (id) do update set text = note.text || 'x'", id);
}

/** A saga of which every effect adds to what is there. */
const counting = (broke: boolean) =>
  saga(trips, 'counting', { input: Ref, uses: [remote], key: ({ id }) => id })
    .local('first', { do: ({ tx }) => add(tx, 'first'), undo: ({ tx }) => add(tx, 'first undone') })
    .step('book', { do: ({ call, input }) => call(remote.book, input) })
    .local('second', { do: ({ tx }) => add(tx, 'second'), undo: ({ tx }) => add(tx, 'second undone') })
    .step('pay', {
      do: async ({ call, input }) => {
        if (broke) throw new Failure('Broke', undefined);
        await call(remote.pay, input);
      },
    })
    .local('third', { do: ({ tx }) => add(tx, 'third') });

for (const broke of [false, true]) {
  test(`G2: a step whose commit was not reported is not written again, in a saga that is ${broke ? 'undone' : 'done'}`, async () => {
    for (let unheard = 2; unheard < 14; unheard++) {
      const world = await openWorld(memory(), virtualClock(), seededRandom(unheard));
      const play = counting(broke);
      let commits = 0;
      const { engine } = await world.process([play], {
        ...world.store,
        async transaction(work, options) {
          const value = await world.store.transaction(work, options);
          if (++commits === unheard) throw new CommitUnknown('as the test says');
          return value;
        },
      });
      await world.run(engine, ({ start }) => start(play, { id: 't' }));
      await world.until(broke ? 'undone' : 'done');
      const rows = await world.store.read.all('select id, text from note order by id');
      const done = broke ? ['first', 'first undone', 'second', 'second undone'] : ['first', 'second', 'third'];
      assert.deepEqual(
        rows.map((row) => [row['id'], row['text']]),
        done.map((id) => [id, 'x']),
        `when nobody heard of commit ${unheard}`,
      );
    }
  });
}

/** A view of a store that refuses the commits of some transactions with local steps, of which it has written half. */
function refusing(store: Store, errors: Error[]): Store {
  return {
    ...store,
    async transaction(work, options) {
      let local = false;
      const before = async (): Promise<number> => (await store.read.all('select 1 from note')).length;
      const rows = await before();
      const again = new Error('rolled back');
      const committed = errors.length % 2 === 0;
      const run = store.transaction(async (tx) => {
        const value = await work(tx);
        local = (await tx.all('select 1 from note')).length > rows;
        if (local && errors.length > 0 && !committed) throw again;
        return value;
      }, options);
      const value = await run.catch((error: unknown) => {
        throw error === again ? errors.pop() : error;
      });
      if (local && errors.length > 0 && committed) throw errors.pop();
      return value;
    },
  };
}

for (const broke of [false, true])
  test(`a database that is not available is no attempt of a local step, in a saga that is ${broke ? 'undone' : 'done'}`, async () => {
    const once = { retry: { attempts: 1 } } as const;
    const play = saga(trips, 'single', { input: Ref, uses: [remote], key: ({ id }) => id })
      .step('book', { do: ({ call, input }) => call(remote.book, input), undo: () => {} })
      .local('second', { ...once, do: ({ tx }) => add(tx, 'second'), undo: ({ tx }) => add(tx, 'second undone') })
      .step('pay', {
        do: () => {
          if (broke) throw new Failure('Broke', undefined);
        },
      })
      .local('third', { ...once, do: ({ tx }) => add(tx, 'third') });
    const world = await openWorld(memory(), virtualClock(), seededRandom(3));
    const errors = [CommitUnknown, CommitFailed, StoreUnusable, CommitFailed, CommitUnknown].map(
      (Refusal) => new Refusal('as the test says'),
    );
    const { engine } = await world.process([play], refusing(world.store, errors));
    await world.run(engine, ({ start }) => start(play, { id: 't' }));
    await world.until(broke ? 'undone' : 'done');
    const rows = await world.store.read.all('select id, text from note order by id');
    const done = broke ? ['second', 'second undone'] : ['second', 'third'];
    assert.deepEqual(
      rows.map((row) => [row['id'], row['text']]),
      done.map((id) => [id, 'x']),
    );
    assert.ok(errors.length < 3, `only ${5 - errors.length} commits were refused`);
    assert.deepEqual(
      world.said.filter((line) => /failed/.test(line) && !/the step pay/.test(line)),
      [],
    );
  });
