import assert from 'node:assert/strict';
import { Failure } from '../client/call.ts';
import { CallFailed } from '../client/errors.ts';
import { lossy } from '../contract/conformance/lossy.ts';
import { thrown } from '../core/conformance/thrown.ts';
import type { Duration } from '../core/duration.ts';
import { BreakerOpen, BulkheadFull } from '../resilience/errors.ts';
import type { Tx } from '../store/store.ts';
import { seededRandom, virtualClock } from '../testing/clock.ts';
import { saga } from './definition.ts';
import type { Cause } from './instance.ts';
import { SagaInputInvalid } from './starts.ts';
import { ResultInvalid, StepTimeout } from './step-run.ts';
import { suite } from './suite.fixture.ts';
import { Ref, remote, trip, trips, type World } from './world.fixture.ts';

const { named } = suite(virtualClock, () => seededRandom(1));

const warnings = ({ said }: World): readonly string[] => said.filter((line) => line.startsWith('warn'));

named('runs its steps in order, each with the results before it, and publishes with its last transaction', async (sea) => {
  const { engine } = await sea.process([trip]);
  await sea.start(engine);
  const { journal } = await sea.until('done');
  assert.deepEqual(sea.callee.log, ['book t', 'pay t']);
  assert.equal(await sea.note(), 'seat 7');
  assert.equal((await sea.store.read.all('select 1 from sw_outbox')).length, 1);
  assert.deepEqual(
    journal.map(({ step, state }) => `${step} ${state}`),
    ['note done', 'book done', 'pay done', 'finish done'],
  );
});

named('G1: what the handler rolls back, it never started', async (sea) => {
  const { engine } = await sea.process([trip]);
  const work = sea.store.transaction(async (tx) => {
    const started = engine.collect(tx);
    started.start(trip, { id: 't' });
    await started.write(tx);
    throw new Error('no');
  });
  await assert.rejects(work, /no/);
  assert.deepEqual(await sea.store.read.all('select 1 from sw_saga'), []);
  assert.deepEqual(await sea.store.read.all('select 1 from note'), []);
});

named('the same key again is the same instance', async (sea) => {
  const { engine } = await sea.process([trip]);
  await sea.start(engine);
  await sea.until('done');
  await sea.start(engine);
  await sea.clock.advance(5000);
  assert.equal((await sea.store.read.all('select 1 from sw_saga')).length, 1);
  assert.deepEqual(sea.callee.log, ['book t', 'pay t']);
});

named('G6: the intent is written before the effect', async (sea) => {
  let seen: unknown;
  sea.callee.answers = {
    pay: async () => {
      seen = (await sea.instance()).journal.at(-1)?.state;
    },
  };
  const { engine } = await sea.process([trip]);
  await sea.start(engine);
  await sea.until('done');
  assert.equal(seen, 'intended');
});

named('a hanging step is cut at its timeout, and counts as unknown', async (sea) => {
  sea.callee.answers = { pay: (attempt) => (attempt === 1 ? new Promise(() => {}) : undefined) };
  const { engine } = await sea.process([trip]);
  await sea.start(engine);
  await sea.until('done');
  assert.deepEqual(sea.callee.log, ['book t', 'pay t', 'pay t']);
});

named('G6: an open breaker and a call in progress postpone a step, and are no attempts', async (sea) => {
  sea.callee.answers = {
    pay: (attempt) => {
      if (attempt < 6) throw new BreakerOpen('open', { retryAfterMs: 3000 });
      if (attempt < 9)
        throw new CallFailed('remote.pay', { type: 'about:blank', title: 'Conflict', status: 409, code: 'SW_IDEMPOTENCY_IN_PROGRESS' });
    },
  };
  const { engine } = await sea.process([trip]);
  await sea.start(engine);
  assert.equal((await sea.until('done')).attempts, 0);
  assert.equal(sea.callee.log.length, 10);
});

named('G6: a postponed step says what it waits for and until when, unless a run before it failed; nothing of it stays', async (sea) => {
  const open = new BreakerOpen('remote is open', { retryAfterMs: 60_000 });
  sea.callee.answers = {
    pay: (attempt) => {
      if (attempt === 2) throw new Error('no answer');
      if (attempt < 4) throw open;
    },
  };
  const { engine } = await sea.process([trip]);
  await sea.start(engine);
  const waits = async (runs: number): Promise<unknown> => {
    await sea.when(`run ${runs} waits`, async () => sea.callee.log.length === 1 + runs && (await sea.instance()).due > sea.clock.now());
    const { attempts, due, error } = await sea.instance();
    return { attempts, error, minute: due - sea.clock.now() > 30_000 };
  };
  assert.deepEqual(await waits(1), { attempts: 0, error: 'remote is open', minute: true });
  await sea.clock.advance(60_000);
  assert.deepEqual(await waits(2), { attempts: 1, error: 'no answer', minute: false });
  await sea.clock.advance(1000);
  assert.deepEqual(await waits(3), { attempts: 1, error: 'no answer', minute: true });
  await sea.clock.advance(60_000);
  const { error, journal } = await sea.until('done');
  const paid = journal.find(({ step }) => step === 'pay');
  assert.deepEqual([error, paid?.runs, paid?.error], [undefined, 2, 'no answer']);
});

named('G6: what waits for a callee that says no when is written once, not with each try', async (sea) => {
  sea.callee.answers = {
    pay: (attempt) => {
      if (attempt < 20) throw new BulkheadFull('full');
    },
  };
  const { engine } = await sea.process([trip]);
  await sea.start(engine);
  const waiting = await sea.until('done');
  assert.equal(sea.callee.log.filter((line) => line === 'pay t').length, 20);
  sea.callee.answers = {};
  await sea.run(engine, ({ start }) => start(trip, { id: 'u' }));
  await sea.when('the other is done', async () => (await sea.store.read.all("select 1 from sw_saga where state = 'done'")).length === 2);
  const [other] = await sea.store.read.all("select version from sw_saga where saga_key = 'u'");
  assert.equal(waiting.version, Number(other?.['version']) + 1);
});

named('G6: nothing waits for longer than a minute on the word of others', async (sea) => {
  sea.callee.answers = {
    pay: (attempt) => {
      const problem = { type: 'about:blank', title: 'x', status: 503, code: 'SW_SERVICE_UNREADY', retryAfterMs: 86_400_000 };
      if (attempt === 1) throw new CallFailed('remote.pay', problem);
    },
  };
  const { engine } = await sea.process([trip]);
  await sea.start(engine);
  await sea.when('it waits', async () => (await sea.instance()).error !== undefined);
  await sea.clock.advance(60_000);
  await sea.until('done');
});

named('G6: another process does not begin a postponed step before its time', async (sea) => {
  sea.callee.answers = {
    pay: (attempt) => {
      if (attempt === 1) throw new BreakerOpen('remote is open', { retryAfterMs: 60_000 });
    },
  };
  const first = await sea.process([trip]);
  await sea.start(first.engine);
  await sea.when('it waits', async () => (await sea.instance()).error === 'remote is open');
  await first.engine.close();
  await first.worker.close();
  await sea.process([trip]);
  await sea.clock.advance(50_000);
  assert.deepEqual(sea.callee.log, ['book t', 'pay t']);
  await sea.clock.advance(20_000);
  await sea.until('done');
});

named('a failing local step takes nothing of the step before it along, is tried again, and then undone without itself', async (sea) => {
  let runs = 0;
  const bad = saga(trips, 'bad', { input: Ref, uses: [remote] })
    .step('book', { do: ({ call, input }) => call(remote.book, input), undo: ({ call, input }) => call(remote.unbook, input) })
    .local('finish', {
      do: () => {
        runs++;
        throw new Error('never');
      },
    });
  const { engine } = await sea.process([bad]);
  await sea.run(engine, ({ start }) => start(bad, { id: 'b' }));
  const { cause } = await sea.until('undone');
  assert.deepEqual(sea.callee.log, ['book b', 'unbook b']);
  assert.equal(runs >= 3, true);
  assert.deepEqual(cause, { kind: 'failed', step: 'finish', message: 'never' } satisfies Omit<Cause & { kind: 'failed' }, 'code'>);
});

named('a result of which JSON would say less is refused by name, in a remote and in a local step, and so is such an input', async (sea) => {
  let value: unknown;
  const odd = saga(trips, 'odd', { input: Ref, uses: [remote] }).step('count', { retry: { attempts: 1 }, do: () => ({ value }) });
  const here = saga(trips, 'here', { input: Ref }).local('count', { retry: { attempts: 1 }, do: () => ({ value }) });
  const { engine } = await sea.process([odd, here]);
  for (const [what, [one]] of Object.entries(lossy)) {
    value = one;
    await assert.rejects(
      sea.run(engine, ({ start }) => start(here, { id: what })),
      ResultInvalid,
      what,
    );
    await assert.rejects(
      sea.run(engine, ({ start }) => start(odd, { id: what, more: one } as never)),
      SagaInputInvalid,
      what,
    );
  }
  value = new Map();
  await sea.run(engine, ({ start }) => start(odd, { id: 'o' }));
  const { cause } = await sea.until('undone');
  assert.match(JSON.stringify(cause), /the result of the step count is not JSON: value: is an instance of Map/);
});

named('a result that is not JSON is refused by name, and its step undone', async (sea) => {
  const odd = saga(trips, 'odd', { input: Ref, uses: [remote] }).step('count', {
    retry: { attempts: 1 },
    do: () => 1n as unknown,
    undo: ({ call, input }) => call(remote.unbook, input),
  });
  const { engine } = await sea.process([odd]);
  await sea.run(engine, ({ start }) => start(odd, { id: 'o' }));
  const { cause } = await sea.until('undone');
  assert.match(JSON.stringify(cause), /the result of the step count is not JSON: is a bigint/);
});

/** Books, and then has a local step of its own. */
const ending = (finish: (context: { readonly signal: AbortSignal; readonly tx: Tx }) => unknown, timeout: Duration = '2s') =>
  saga(trips, 'ending', { input: Ref, uses: [remote], key: ({ id }) => id })
    .step('book', {
      do: ({ call, input }) => call(remote.book, input),
      undo: ({ call, input, result }) => call(remote.unbook, { id: `${input.id}/${result?.seat ?? 'unseen'}` }),
    })
    .local('finish', { timeout, retry: { attempts: 2 }, do: finish });

named('G6: a hanging local step is cut at its timeout, rolled back and tried again; what was before it is kept', async (sea) => {
  const signals: AbortSignal[] = [];
  const hangs = ending(async ({ tx, signal }) => {
    await tx.run('insert into note (id, text) values (?, ?)', 'b', `run ${signals.length}`);
    signals.push(signal);
    if (signals.length === 1) await new Promise(() => {});
  });
  const { engine } = await sea.process([hangs]);
  await sea.run(engine, ({ start }) => start(hangs, { id: 'b' }));
  await sea.until('done');
  assert.deepEqual(
    signals.map(({ aborted }) => aborted),
    [true, false],
  );
  assert.ok(signals[0]?.reason instanceof StepTimeout);
  assert.deepEqual(sea.callee.log, ['book b']);
  assert.equal(await sea.note(), 'run 1');
});

named('a local step that always hangs holds nobody up for ever, and ends its saga by its attempts', async (sea) => {
  let runs = 0;
  const hangs = ending(() => {
    runs++;
    return new Promise(() => {});
  });
  const { engine } = await sea.process([hangs, trip]);
  await sea.run(engine, ({ start }) => start(hangs, { id: 'b' }));
  await sea.when('it hangs', () => runs === 1);
  const other = sea.start(engine);
  await sea.when(
    'the other is done',
    async () => (await sea.store.read.all("select 1 from sw_saga where name = 'trip' and state = 'done'")).length > 0,
  );
  await other;
  await sea.when(
    'it is undone',
    async () => (await sea.store.read.all("select 1 from sw_saga where name = 'ending' and state = 'undone'")).length > 0,
  );
  const [row] = await sea.store.read.all("select cause from sw_saga where name = 'ending'");
  assert.match(String(row?.['cause']), /"step":"finish","code":"SW_SAGA_STEP_TIMEOUT"/);
  assert.ok(sea.callee.log.includes('unbook b/7'));
});

named('a local step that hangs at the start fails the handler, with nothing left', async (sea) => {
  const hangs = saga(trips, 'hangs', { input: Ref }).local('first', { timeout: '1s', do: () => new Promise<never>(() => {}) });
  const { engine } = await sea.process([hangs]);
  let failed: unknown;
  sea
    .run(engine, ({ start }) => start(hangs, { id: 'h' }))
    .catch((error: unknown) => {
      failed = error;
    });
  await sea.when('the handler fails', () => failed !== undefined);
  assert.ok(failed instanceof StepTimeout);
  assert.deepEqual(await sea.store.read.all('select 1 from sw_saga'), []);
});

named('of several local steps in one transaction the cause names the one that failed, which is tried as often as it says', async (sea) => {
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
  const { engine } = await sea.process([two]);
  await sea.run(engine, ({ start }) => start(two, { id: 't' }));
  const { cause } = await sea.until('undone');
  assert.deepEqual(cause, { kind: 'failed', step: 'bad', message: 'no' });
  assert.equal(runs.length, 4);
  const again = 'warn: the step bad of two failed; retrying';
  assert.deepEqual(warnings(sea), [
    `${again} (1)`,
    `${again} (2)`,
    `${again} (3)`,
    'warn: the step bad of two failed; undoing the saga (4)',
  ]);
});

named('a local step that is given up at its first run is told of as that, whatever the step before it took', async (sea) => {
  const last = saga(trips, 'last', { input: Ref, uses: [remote] })
    .step('pay', { do: ({ call, input }) => call(remote.pay, input) })
    .local('bad', {
      retry: { attempts: 1 },
      do: () => {
        throw new Error('no');
      },
    });
  sea.callee.answers = {
    pay(count) {
      if (count < 3) throw new Error('down');
    },
  };
  const { engine } = await sea.process([last]);
  await sea.run(engine, ({ start }) => start(last, { id: 'l' }));
  await sea.until('undone');
  assert.equal(warnings(sea).at(-1), 'warn: the step bad of last failed; undoing the saga (1)');
});

named('every failed run of a step or of an undo is logged by its name, a declared error is not', async (sea) => {
  sea.callee.answers = {
    pay(count) {
      if (count < 4) throw new Error('down');
      throw new Failure('Full', undefined);
    },
    unbook(count) {
      if (count === 1) throw new Error('down');
    },
  };
  const { engine } = await sea.process([trip]);
  await sea.start(engine);
  await sea.until('undone');
  assert.deepEqual(warnings(sea), [
    'warn: the step pay of trip failed; retrying (1)',
    'warn: the step pay of trip failed; retrying (2)',
    'warn: the step pay of trip failed; undoing the saga (3)',
    'warn: the undo of book of trip failed; retrying (1)',
  ]);
  await sea.run(engine, ({ start }) => start(trip, { id: 'u' }));
  await sea.when('both are undone', async () => (await sea.store.read.all("select 1 from sw_saga where state = 'undone'")).length === 2);
  assert.equal(warnings(sea).length, 4);
  const told = 'info: the saga trip was undone: pay failed: down';
  await sea.when('it is said why', async () => sea.said.includes(told));
});

named('a declared error of a local step is no unknown outcome: it is not tried again', async (sea) => {
  let runs = 0;
  const refused = ending(async ({ tx }) => {
    runs++;
    await tx.run('insert into note (id, text) values (?, ?)', 'b', 'refused');
    throw new Failure('Broke', { by: 1 });
  });
  const { engine } = await sea.process([refused]);
  await sea.run(engine, ({ start }) => start(refused, { id: 'b' }));
  const { cause, journal } = await sea.until('undone');
  assert.deepEqual(cause, { kind: 'declared', step: 'finish', name: 'Broke', data: { by: 1 } });
  assert.deepEqual(
    journal.map(({ step, state }) => `${step} ${state}`),
    ['book undone'],
  );
  assert.equal(await sea.note(), undefined);
  assert.equal(runs, 1);
  assert.deepEqual(sea.callee.log, ['book b', 'unbook b/7']);
});

for (const [what, first, log] of [
  ['another command of its run was done', 'done', ['book x', 'pay x', 'unbook x']],
  ['another command of its run was refused too', 'refused', ['book x', 'pay x']],
] as const) {
  named(`G6: a step that is refused when ${what}`, async (sea) => {
    const refuse = () => {
      throw new Failure('Full', undefined);
    };
    sea.callee.answers = { pay: refuse, ...(first === 'refused' && { book: refuse }) };
    const both = saga(trips, 'both', { input: Ref, uses: [remote] }).step('both', {
      async do({ call, input }) {
        await call(remote.book, input).outcome();
        await call(remote.pay, input);
      },
      undo: ({ call, input, result }) => call(remote.unbook, { id: result === undefined ? input.id : 'seen' }),
    });
    const { engine } = await sea.process([both]);
    await sea.run(engine, ({ start }) => start(both, { id: 'x' }));
    const { cause } = await sea.until('undone');
    assert.equal(cause?.kind, 'declared');
    assert.deepEqual(sea.callee.log, log);
  });
}

for (const thrown of [undefined, null, 'a word']) {
  named(`a step that throws ${JSON.stringify(thrown)} has failed like any other`, async (sea) => {
    sea.callee.answers = {
      pay: () => {
        throw thrown;
      },
    };
    const { engine } = await sea.process([trip]);
    await sea.start(engine);
    const { cause } = await sea.until('undone');
    assert.deepEqual(cause, { kind: 'failed', step: 'pay', message: String(thrown) });
    assert.equal(sea.callee.log.filter((line) => line === 'pay t').length, 3);
  });
}

named('G6: a query of a run is no effect: when the command behind it is refused there is nothing to undo', async (sea) => {
  sea.callee.answers = {
    seats: () => ({ seat: 1 }),
    book: () => {
      throw new Failure('Full', undefined);
    },
  };
  const asks = saga(trips, 'asks', { input: Ref, uses: [remote] }).step('book', {
    async do({ call, input }) {
      await call(remote.seats, input);
      return call(remote.book, input);
    },
    undo: ({ call, input }) => call(remote.unbook, input),
  });
  const { engine } = await sea.process([asks]);
  await sea.run(engine, ({ start }) => start(asks, { id: 'a' }));
  await sea.until('undone');
  assert.deepEqual(sea.callee.log, ['seats a', 'book a']);
});

named("G10: the calls of a run have the run's own deadline", async (sea) => {
  const remaining: (number | undefined)[] = [];
  const keep = (): void => void remaining.push(sea.callee.options.at(-1)?.deadline?.remaining());
  sea.callee.answers = {
    book: () => {
      keep();
      return { seat: 1 };
    },
    pay: keep,
  };
  const { engine } = await sea.process([trip]);
  await sea.start(engine);
  await sea.until('done');
  assert.deepEqual(remaining, [10_000, 5_000]);
});

for (const code of ['SW_IDEMPOTENCY_IN_PROGRESS', 'SW_SERVICE_UNREADY']) {
  named(`G6: ${code} postpones a step for as long as it says`, async (sea) => {
    const times: number[] = [];
    sea.callee.answers = {
      pay: (attempt) => {
        times.push(sea.clock.monotonic());
        if (attempt < 6) throw new CallFailed('remote.pay', { type: 'about:blank', title: 'x', status: 503, code, retryAfterMs: 3000 });
      },
    };
    const { engine } = await sea.process([trip]);
    await sea.start(engine);
    assert.equal((await sea.until('done')).attempts, 0);
    const waits = times.slice(1).map((time, index) => time - (times[index] as number));
    assert.deepEqual(
      waits.map((wait) => wait >= 3000 && wait < 4000),
      Array(5).fill(true),
    );
  });
}

for (const [what, [value]] of Object.entries(thrown))
  named(`whatever a step throws is a failed run like any other: ${what}`, async (sea) => {
    let runs = 0;
    const hostile = saga(trips, 'hostile', { input: Ref, key: ({ id }) => id })
      .step('remote', { undo: () => {}, do: () => {} })
      .local('local', {
        retry: { attempts: 2 },
        do: () => {
          runs++;
          throw value;
        },
      });
    const { engine } = await sea.process([hostile]);
    await sea.run(engine, ({ start }) => void start(hostile, { id: 't' }));
    const { cause } = await sea.until('undone');
    assert.equal(runs, 2);
    assert.ok(cause?.kind === 'failed' && cause.message.length <= 2000);
  });

named('data of a declared error that JSON cannot represent is kept as a text', async (sea) => {
  const ring: Record<string, unknown> = { seat: 7 };
  ring['self'] = ring;
  sea.callee.answers = { pay: () => Promise.reject(new Failure('Full', ring)) };
  const { engine } = await sea.process([trip]);
  await sea.start(engine);
  const { cause } = await sea.until('undone');
  assert.ok(cause?.kind === 'declared' && /seat: 7/.test(String(cause.data)));
});
