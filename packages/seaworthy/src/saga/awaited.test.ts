import assert from 'node:assert/strict';
import { Failure } from '../client/call.ts';
import { RunOver } from '../core/lifetime.ts';
import { seededRandom, virtualClock } from '../testing/clock.ts';
import { saga } from './definition.ts';
import { eachStore } from './each-store.fixture.ts';
import { Ref, remote, trips, type World } from './world.fixture.ts';

const { named } = eachStore(virtualClock, () => seededRandom(1));

const uses = { input: Ref, uses: [remote], key: ({ id }: { readonly id: string }) => id };
const full = async (): Promise<never> => {
  throw new Failure('Full', undefined);
};
const pause = (world: World): Promise<void> => new Promise((resolve) => void world.clock.after(10, resolve));

named('a step that does not await its call fails: the call is aborted, and the error names it', async (world) => {
  const forgets = saga(trips, 'forgets', uses).step('book', {
    do: ({ input, call }) => {
      void call(remote.book, input);
    },
    undo: ({ input, call }) => call(remote.unbook, input),
  });
  world.callee.answers = { book: () => new Promise(() => {}) };
  const { engine } = await world.process([forgets]);
  await world.run(engine, ({ start }) => start(forgets, { id: 'f' }));
  await world.until('undone');
  assert.deepEqual(world.callee.log, ['book f', 'book f', 'book f', 'unbook f']);
  const { cause } = await world.instance();
  assert.ok(cause?.kind === 'failed' && cause.code === 'SW_NOT_AWAITED');
  assert.match(cause.message, /the step book of forgets ended before the call of remote\.book had settled/);
  assert.ok(world.callee.options[0]?.signal?.aborted);
});

named('a refused call that its step does not await fails the step, however it was made', async (world) => {
  const ways = [
    saga(trips, 'alone', uses).step('book', {
      async do({ input, call }) {
        void call(remote.book, input);
        await pause(world);
      },
    }),
    saga(trips, 'with-use', uses).step('book', {
      async do({ input, call }) {
        void call(remote.book, input).then(() => {});
        await pause(world);
      },
    }),
    saga(trips, 'its-outcome', uses).step('book', {
      async do({ input, call }) {
        void call(remote.pay, input).outcome();
        await pause(world);
      },
    }),
  ];
  world.callee.answers = { book: full, pay: () => Promise.reject(new Error('connection lost')) };
  const { engine } = await world.process(ways);
  for (const one of ways) await world.run(engine, ({ start }) => start(one, { id: 'r' }));
  await world.when('all have ended', async () =>
    (await world.store.read.all('select state from sw_saga')).every(({ state }) => state === 'undone'),
  );
  const causes = (await world.store.read.all('select cause from sw_saga')).map(
    ({ cause }) => JSON.parse(String(cause)) as { code: string },
  );
  assert.deepEqual(
    causes.map(({ code }) => code),
    ways.map(() => 'SW_NOT_AWAITED'),
  );
});

named('a call that a step awaits, or whose refusal it takes as a value, does not fail the step', async (world) => {
  const takes = saga(trips, 'takes', uses).step('book', {
    async do({ input, call }) {
      const booked = call(remote.book, input);
      await call(remote.pay, input).catch(() => {});
      const outcome = await booked.outcome();
      return outcome.ok;
    },
  });
  world.callee.answers = { book: full, pay: () => Promise.reject(new Error('connection lost')) };
  const { engine } = await world.process([takes]);
  await world.run(engine, ({ start }) => start(takes, { id: 't' }));
  await world.until('done');
  assert.equal((await world.instance()).journal[0]?.result, false);
});

named('an undo that does not await its call has not succeeded: it is retried, and stuck in the end', async (world) => {
  const forgets = saga(trips, 'forgets', uses)
    .step('book', {
      do: ({ input, call }) => call(remote.book, input),
      undo: ({ input, call }) => {
        void call(remote.unbook, input);
      },
    })
    .step('pay', { do: ({ input, call }) => call(remote.pay, input) });
  world.callee.answers = { pay: full, unbook: () => new Promise(() => {}) };
  const { engine } = await world.process([forgets]);
  await world.run(engine, ({ start }) => start(forgets, { id: 'u' }));
  await world.until('stuck');
  const { journal, error } = await world.instance();
  assert.equal(journal[0]?.state, 'stuck');
  assert.match(error ?? '', /the undo of the step book of forgets ended before the call of remote\.unbook had settled/);
});

named('a step that has ended can no longer call, write or publish, and late use is logged', async (world) => {
  const late: (() => unknown)[] = [];
  const ended = saga(trips, 'ended', uses)
    .step('book', {
      async do({ input, call }) {
        late.push(() => call(remote.pay, input));
        await call(remote.book, input);
      },
    })
    .local('note', {
      do({ input, tx, publish }) {
        late.push(
          () => tx.run("insert into note (id, text) values ('late', '')"),
          async () => publish('booked', input),
        );
      },
    });
  const { engine } = await world.process([ended]);
  await world.run(engine, ({ start }) => start(ended, { id: 'e' }));
  await world.until('done');
  for (const use of late) await assert.rejects(async () => use(), RunOver);
  assert.equal(world.said.filter((line) => /^error: .* had ended, without effect/.test(line)).length, late.length);
  assert.deepEqual(world.callee.log, ['book e']);
  assert.deepEqual(await world.store.read.all('select 1 from note'), []);
});

named('a local step, or its undo, that does not await a refused statement is rolled back, and the error names it', async (world) => {
  let runs = 0;
  const forgets = saga(trips, 'forgets', uses)
    .local('note', {
      async do({ input, tx }) {
        await tx.run('insert into note (id, text) values (?, ?)', input.id, '');
      },
      async undo({ input, tx, publish }) {
        publish('booked', input);
        if (runs++ === 0) void tx.run('delete from nowhere');
      },
    })
    .step('book', { do: ({ input, call }) => call(remote.book, input) })
    .local('twice', {
      async do({ input, tx }) {
        void tx.run('insert into note (id, text) values (?, ?)', input.id, '');
      },
    });
  const { engine } = await world.process([forgets]);
  await world.run(engine, ({ start }) => start(forgets, { id: 'l' }));
  await world.until('undone');
  const { cause } = await world.instance();
  assert.ok(cause?.kind === 'failed' && cause.code === 'SW_NOT_AWAITED' && cause.step === 'twice');
  assert.match(cause.message, /the step twice of forgets .*insert into note/);
  assert.equal(runs, 2);
  assert.equal((await world.store.read.all('select 1 from sw_outbox')).length, 1);
});

named('a step that changes its input or its results changes neither those of another step nor the journal', async (world) => {
  const seen: unknown[] = [];
  const spoil = (context: { readonly input: { id: string }; readonly results?: { book?: { seat: number } } }): void => {
    seen.push(context.input.id, context.results?.book?.seat);
    context.input.id = 'spoiled';
    if (context.results?.book) context.results.book.seat = -1;
  };
  const spoils = saga(trips, 'spoils', uses)
    .step('book', {
      do: ({ input, call }) => call(remote.book, input),
      undo: ({ input, result }) => {
        seen.push(input.id, result?.seat);
      },
    })
    .local('note', { do: spoil, undo: spoil })
    .step('pay', {
      do(context) {
        spoil(context);
        throw new Failure('Full', undefined);
      },
    });
  const { engine } = await world.process([spoils]);
  await world.run(engine, ({ start }) => start(spoils, { id: 's' }));
  await world.until('undone');
  assert.deepEqual(seen, ['s', 7, 's', 7, 's', 7, 's', 7]);
  assert.deepEqual((await world.instance()).journal[0]?.result, { seat: 7 });
});
