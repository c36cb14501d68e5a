import assert from 'node:assert/strict';
import { Failure } from '../client/call.ts';
import type { Duration } from '../core/duration.ts';
import type { Tx } from '../store/store.ts';
import { seededRandom, virtualClock } from '../testing/clock.ts';
import { saga } from './definition.ts';
import { eachStore } from './each-store.fixture.ts';
import type { Cause } from './instance.ts';
import { StepTimeout } from './step-run.ts';
import { Ref, remote, trip, trips, type World } from './world.fixture.ts';

const { named } = eachStore(virtualClock, () => seededRandom(1));

const warnings = ({ said }: World): readonly string[] => said.filter((line) => line.startsWith('warn'));

named(
  'a failing local step does not roll back the step before it; it is retried, and then the saga is undone without it',
  async (world) => {
    let runs = 0;
    const bad = saga(trips, 'bad', { input: Ref, uses: [remote] })
      .step('book', { do: ({ call, input }) => call(remote.book, input), undo: ({ call, input }) => call(remote.unbook, input) })
      .local('finish', {
        do: () => {
          runs++;
          throw new Error('never');
        },
      });
    const { engine } = await world.process([bad]);
    await world.run(engine, ({ start }) => start(bad, { id: 'b' }));
    const { cause } = await world.until('undone');
    assert.deepEqual(world.callee.log, ['book b', 'unbook b']);
    assert.equal(runs >= 3, true);
    assert.deepEqual(cause, { kind: 'failed', step: 'finish', message: 'never' } satisfies Omit<Cause & { kind: 'failed' }, 'code'>);
  },
);

/** Books, and then has a local step of its own. */
const ending = (finish: (context: { readonly signal: AbortSignal; readonly tx: Tx }) => unknown, timeout: Duration = '2s') =>
  saga(trips, 'ending', { input: Ref, uses: [remote], key: ({ id }) => id })
    .step('book', {
      do: ({ call, input }) => call(remote.book, input),
      undo: ({ call, input, result }) => call(remote.unbook, { id: `${input.id}/${result?.seat ?? 'unseen'}` }),
    })
    .local('finish', { timeout, retry: { attempts: 2 }, do: finish });

named('G6: a local step that was given up writes no events when it returns later', async (world) => {
  let resume: (value: unknown) => void = () => {};
  let runs = 0;
  const hangs = saga(trips, 'hangs', { input: Ref, uses: [remote] })
    .step('book', { do: ({ call, input }) => call(remote.book, input) })
    .local('finish', {
      timeout: '2s',
      async do({ publish, input }) {
        publish('booked', { id: `${input.id}/${++runs}` });
        if (runs === 1) await new Promise((resolve) => (resume = resolve));
      },
    });
  const written: string[] = [];
  const reached = (point: string): void => {
    if (point === 'outbox/append/before') written.push(`run ${runs}`);
  };
  const { engine } = await world.process([hangs], world.store, { runtime: { ...world.runtime, reached } });
  await world.run(engine, ({ start }) => start(hangs, { id: 'h' }));
  await world.until('done');
  resume(undefined);
  await world.clock.advance(1000);
  assert.deepEqual(written, ['run 2']);
});

named('G14: an event that is larger than the bus takes fails the local step that publishes it', async (world) => {
  const large = saga(trips, 'large', { input: Ref, uses: [remote] })
    .step('book', { do: ({ call, input }) => call(remote.book, input), undo: ({ call, input }) => call(remote.unbook, input) })
    .local('finish', { retry: { attempts: 1 }, do: ({ publish }) => publish('booked', { id: 'x'.repeat(200) }) });
  const { engine } = await world.process([large], world.store, { maxBytes: 500 });
  await world.run(engine, ({ start }) => start(large, { id: 'l' }));
  const { cause } = await world.until('undone');
  assert.deepEqual(world.callee.log, ['book l', 'unbook l']);
  assert.match(
    JSON.stringify(cause),
    /"step":"finish","code":"SW_OUTBOX_EVENT_INVALID","message":"trips\.booked .* the bus takes at most 500/,
  );
});

named('G6: a hanging local step is aborted at its timeout, rolled back and retried; the step before it is kept', async (world) => {
  const signals: AbortSignal[] = [];
  const hangs = ending(async ({ tx, signal }) => {
    await tx.run('insert into note (id, text) values (?, ?)', 'b', `run ${signals.length}`);
    signals.push(signal);
    if (signals.length === 1) await new Promise(() => {});
  });
  const { engine } = await world.process([hangs]);
  await world.run(engine, ({ start }) => start(hangs, { id: 'b' }));
  await world.until('done');
  assert.deepEqual(
    signals.map(({ aborted }) => aborted),
    [true, false],
  );
  assert.ok(signals[0]?.reason instanceof StepTimeout);
  assert.deepEqual(world.callee.log, ['book b']);
  assert.equal(await world.note(), 'run 1');
});

named('a local step that always hangs does not block others forever, and its saga is undone after its attempts', async (world) => {
  let runs = 0;
  const hangs = ending(() => {
    runs++;
    return new Promise(() => {});
  });
  const { engine } = await world.process([hangs, trip]);
  await world.run(engine, ({ start }) => start(hangs, { id: 'b' }));
  await world.when('it hangs', () => runs === 1);
  const other = world.start(engine);
  await world.when(
    'the other is done',
    async () => (await world.store.read.all("select 1 from sw_saga where name = 'trip' and state = 'done'")).length > 0,
  );
  await other;
  await world.when(
    'it is undone',
    async () => (await world.store.read.all("select 1 from sw_saga where name = 'ending' and state = 'undone'")).length > 0,
  );
  const [row] = await world.store.read.all("select cause from sw_saga where name = 'ending'");
  assert.match(String(row?.['cause']), /"step":"finish","code":"SW_SAGA_STEP_TIMEOUT"/);
  assert.ok(world.callee.log.includes('unbook b/7'));
});

named('a local step that hangs at the start fails the handler, whose transaction is rolled back', async (world) => {
  const hangs = saga(trips, 'hangs', { input: Ref }).local('first', { timeout: '1s', do: () => new Promise<never>(() => {}) });
  const { engine } = await world.process([hangs]);
  let failed: unknown;
  world
    .run(engine, ({ start }) => start(hangs, { id: 'h' }))
    .catch((error: unknown) => {
      failed = error;
    });
  await world.when('the handler fails', () => failed !== undefined);
  assert.ok(failed instanceof StepTimeout);
  assert.deepEqual(await world.store.read.all('select 1 from sw_saga'), []);
});

named('of several local steps in one transaction, the cause names the failed one, which has its own number of attempts', async (world) => {
  const runs: string[] = [];
  const two = saga(trips, 'two', { input: Ref, uses: [remote] })
    .step('book', { do: ({ call, input }) => call(remote.book, input) })
    .local('good', { retry: { attempts: 9 }, do: ({ tx }) => tx.all('select 1 as one') })
    .local('bad', {
      retry: { attempts: 4 },
      do: async ({ tx }) => {
        await tx.all('select 1 as one');
        runs.push('bad');
        throw new Error('no');
      },
    });
  const { engine } = await world.process([two]);
  await world.run(engine, ({ start }) => start(two, { id: 't' }));
  const { cause } = await world.until('undone');
  assert.deepEqual(cause, { kind: 'failed', step: 'bad', message: 'no' });
  assert.equal(runs.length, 4);
  const again = 'warn: the step bad of two failed; retrying';
  assert.deepEqual(warnings(world), [
    `${again} (1)`,
    `${again} (2)`,
    `${again} (3)`,
    'warn: the step bad of two failed; undoing the saga (4)',
  ]);
});

named('a local step that is given up at its first run is logged with one attempt, however many the step before it took', async (world) => {
  const last = saga(trips, 'last', { input: Ref, uses: [remote] })
    .step('pay', { do: ({ call, input }) => call(remote.pay, input) })
    .local('bad', {
      retry: { attempts: 1 },
      do: () => {
        throw new Error('no');
      },
    });
  world.callee.answers = {
    pay(count) {
      if (count < 3) throw new Error('down');
    },
  };
  const { engine } = await world.process([last]);
  await world.run(engine, ({ start }) => start(last, { id: 'l' }));
  await world.until('undone');
  assert.equal(warnings(world).at(-1), 'warn: the step bad of last failed; undoing the saga (1)');
});

named('a declared error of a local step is not an unknown outcome: the step is not retried', async (world) => {
  let runs = 0;
  const refused = ending(async ({ tx }) => {
    runs++;
    await tx.run('insert into note (id, text) values (?, ?)', 'b', 'refused');
    throw new Failure('Broke', { by: 1 });
  });
  const { engine } = await world.process([refused]);
  await world.run(engine, ({ start }) => start(refused, { id: 'b' }));
  const { cause, journal } = await world.until('undone');
  assert.deepEqual(cause, { kind: 'declared', step: 'finish', name: 'Broke', data: { by: 1 } });
  assert.deepEqual(
    journal.map(({ step, state }) => `${step} ${state}`),
    ['book undone'],
  );
  assert.equal(await world.note(), undefined);
  assert.equal(runs, 1);
  assert.deepEqual(world.callee.log, ['book b', 'unbook b/7']);
});
