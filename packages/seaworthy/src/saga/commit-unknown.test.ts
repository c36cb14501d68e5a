import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Failure } from '../client/call.ts';
import { memory } from '../store/drivers/memory.ts';
import { CommitUnknown } from '../store/errors.ts';
import type { Tx } from '../store/store.ts';
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
