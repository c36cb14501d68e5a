import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { memory as memoryBus } from '../../bus/drivers/memory.ts';
import { Failure } from '../../client/call.ts';
import { type Caller, caller } from '../../client/caller.ts';
import { CallFailed } from '../../client/errors.ts';
import { local } from '../../client/transports/local.ts';
import { command, contract } from '../../contract/contract.ts';
import { thrown } from '../../core/conformance/thrown.ts';
import type { Duration } from '../../core/duration.ts';
import { silent } from '../../core/observe.ts';
import { runtime } from '../../core/runtime.ts';
import { sleep } from '../../core/sleep.ts';
import { policyOn } from '../../resilience/policy.ts';
import { memory } from '../../store/drivers/memory.ts';
import type { Store, StoreDriver, Tx } from '../../store/store.ts';
import { seededRandom, type VirtualClock, virtualClock } from '../../testing/clock.ts';
import { IntentStranded } from '../errors.ts';
import { external } from '../handler.ts';
import { type RunningService, run } from '../lifecycle.ts';
import { service } from '../service.ts';

const till = contract('till', {
  charge: command({
    http: 'POST /charges',
    input: z.object({ id: z.string() }),
    output: z.object({ receipt: z.string() }),
    errors: { Closed: { status: 409 } },
  }),
});

/** What the three functions do, as a test sets it. */
interface Stage {
  before: () => unknown;
  do: (context: { readonly intent: unknown; readonly key: string }) => unknown;
  after: (context: { readonly tx: Tx; readonly intent: unknown }) => unknown;
}

interface Sea {
  readonly stage: Stage;
  readonly clock: VirtualClock;
  readonly store: Store;
  readonly logged: string[];
  /** Counters with their operation, and spans with their outcome, of external commands. */
  readonly reported: string[];
  /** A process that runs the till, on the same database. */
  process(definition?: ReturnType<typeof tillOf>): Promise<{ readonly running: RunningService; readonly call: Caller }>;
  when(what: string, holds: () => boolean | Promise<boolean>): Promise<void>;
}

const tillOf = (stage: Stage, plain = false, timeout: Duration = '1s') =>
  service(till, {
    migrations: [{ name: 'till/1', statements: ['create table charge (id text primary key)'] }],
    handlers: {
      charge: plain
        ? () => ({ receipt: 'plain' })
        : external({
            timeout,
            before: () => stage.before(),
            do: (context) => stage.do(context),
            async after({ input, tx, intent }) {
              await tx.run('insert into charge (id) values (?)', input.id);
              return { receipt: String(await stage.after({ tx, intent })) };
            },
          }),
    },
  });

async function sea(): Promise<Sea> {
  const clock = virtualClock();
  const logged: string[] = [];
  const reported: string[] = [];
  const report = (name: string, operation: unknown, ...more: readonly string[]): void => {
    if (name.startsWith('seaworthy_external')) reported.push([name, operation, ...more].join(' '));
  };
  const rt = runtime({
    ...{ clock, random: seededRandom(1) },
    observe: {
      ...silent,
      log: (_level, line) => void logged.push(line),
      count: (name, { operation } = {}) => report(name, operation),
      span: (name, { operation } = {}, place) => ({
        ...silent.span(name, {}, place),
        end: (outcome, error) => report(name, operation, outcome, ...(error === undefined ? [] : ['failed'])),
      }),
    },
  });
  const stage: Stage = { before: () => ({}), do: () => 'yes', after: () => 'receipt' };
  const store = await memory().open('till', rt);
  // Whoever closes it is only one of its processes.
  const shared: StoreDriver = { open: async () => ({ ...store, close: async () => {} }) };
  const bus = await memoryBus().open(rt);
  return {
    ...{ stage, clock, store, logged, reported },
    async process(definition = tillOf(stage)) {
      const running = await run(definition, { runtime: rt, store: shared, bus, call: (() => assert.fail('it calls nobody')) as never });
      await running.begin();
      const call = caller({ runtime: rt, transportOf: () => local('till', () => running.endpoint), policyOf: () => policyOn(rt) });
      return { running, call };
    },
    async when(what, holds) {
      for (let round = 0; round < 3000; round++) {
        if (await holds()) return;
        await clock.advance(50);
      }
      assert.fail(`it never came to be that ${what}`);
    },
  };
}

const intents = async ({ store }: Sea): Promise<number> => (await store.read.all('select 1 from sw_intent')).length;
const charges = async ({ store }: Sea): Promise<number> => (await store.read.all('select 1 from charge')).length;
/** Runs of `do` that count as without an outcome. */
const attempts = async ({ store }: Sea): Promise<unknown> => (await store.read.all('select attempts from sw_intent'))[0]?.['attempts'];
const down = AbortSignal.abort(new Error('down'));
async function end(running: RunningService): Promise<void> {
  await running.quiesce(down);
  await running.close(down);
}

test('G6: an outcome that cannot be written is asked for again, ever later and not in silence, until it can', async () => {
  const at = await sea();
  const { running, call } = await at.process();
  const times: number[] = [];
  at.stage.do = () => void times.push(at.clock.monotonic());
  at.stage.after = () => {
    if (times.length < 6) throw new Error('a bug');
    return 'mended';
  };
  const failed = call(till.charge, { id: 'a' }, { key: 'k' }).catch((error: unknown) => error);
  await at.when('it has its outcome', async () => (await charges(at)) === 1);
  assert.equal(((await failed) as CallFailed).problem.code, 'SW_HANDLER_FAILED');
  const waits = times.slice(1).map((time, index) => time - (times[index] as number));
  // A poll a second would be five seconds for the five of them.
  assert.ok((waits.at(-1) as number) > 4000, waits.join(', '));
  assert.equal(at.logged.filter((line) => line.includes('could not be written')).length, 5);
  assert.equal(await intents(at), 0);
  assert.deepEqual(await call(till.charge, { id: 'a' }, { key: 'k' }), { receipt: 'mended' });
  await end(running);
});

test('`after` that hangs is cut after its time and rolled back; the outcome is asked for again', async () => {
  const at = await sea();
  const { running, call } = await at.process();
  let runs = 0;
  at.stage.after = () => (runs++ === 0 ? new Promise(() => {}) : 'second');
  const failed = call(till.charge, { id: 'a' }, { key: 'k' }).catch((error: unknown) => error);
  await at.when('it has its outcome', async () => (await charges(at)) === 1);
  const error = await failed;
  assert.ok(error instanceof CallFailed);
  assert.deepEqual([error.problem.code, error.kind], ['SW_DEADLINE_EXCEEDED', 'deadline']);
  assert.equal(runs, 2);
  assert.deepEqual(await call(till.charge, { id: 'a' }, { key: 'k' }), { receipt: 'second' });
  await end(running);
});

test('G13: a close cuts an `after` that hangs; the next process writes the outcome', async () => {
  const at = await sea();
  const { running, call } = await at.process();
  let hangs = false;
  at.stage.after = () => {
    hangs = true;
    return new Promise(() => {});
  };
  call(till.charge, { id: 'a' }, { key: 'k' }).catch(() => {});
  await at.when('it hangs', () => hangs);
  await end(running);
  assert.deepEqual([await charges(at), await attempts(at)], [0, 0]);
  at.stage.after = () => 'next';
  const next = await at.process();
  await at.when('it has its outcome', async () => (await charges(at)) === 1);
  await end(next.running);
});

test('a run of `do` without an outcome is a failure of its span, and counted; one that the end of the process cuts is neither', async () => {
  const at = await sea();
  const { running, call } = await at.process();
  let runs = 0;
  at.stage.do = () => {
    if (runs++ === 0) throw new Error('no answer');
    return new Promise(() => {});
  };
  call(till.charge, { id: 'a' }, { key: 'k' }).catch(() => {});
  await at.when('the second run hangs', () => runs === 2);
  await end(running);
  assert.deepEqual(at.reported, [
    'seaworthy_external_do till.charge unknown failed',
    'seaworthy_external_postponed_total till.charge',
    'seaworthy_external_do till.charge cut',
  ]);
});

test('whatever `do` throws is a run without an outcome, and it runs again', async () => {
  const at = await sea();
  const { running, call } = await at.process();
  const values = new Map(Object.entries(thrown).map(([what, [value]]) => [what.replaceAll(' ', '-'), value]));
  const runs = new Set<string>();
  at.stage.do = ({ key }) => {
    if (runs.has(key)) return 'yes';
    runs.add(key);
    throw values.get(key);
  };
  for (const key of values.keys()) call(till.charge, { id: key }, { key }).catch(() => {});
  await at.when('all have their outcome', async () => (await charges(at)) === values.size);
  assert.equal(runs.size, values.size);
  await end(running);
});

for (const stage of ['before', 'after'] as const)
  test(`whatever \`${stage}\` throws is answered as a failure of the service`, async () => {
    for (const [value] of Object.values(thrown)) {
      const at = await sea();
      const { running, call } = await at.process();
      at.stage[stage] = () => {
        throw value;
      };
      const error = await call(till.charge, { id: 'a' }, { key: 'k' }).catch((thrown: unknown) => thrown);
      assert.ok(error instanceof CallFailed && error.problem.code === 'SW_HANDLER_FAILED');
      await end(running);
    }
  });

test('what `before` gave reads the same for `do` and `after`, before a crash and after it', async () => {
  const at = await sea();
  const first = await at.process();
  const seen: unknown[] = [];
  at.stage.before = () => ({ at: 0, none: undefined, list: [{}] });
  at.stage.do = ({ intent }) => {
    seen.push(intent);
    return seen.length === 1 ? new Promise(() => {}) : 'yes';
  };
  at.stage.after = ({ intent }) => {
    seen.push(intent);
    return 'receipt';
  };
  first.call(till.charge, { id: 'a' }, { key: 'k' }).catch(() => {});
  await at.when('it reaches out', () => seen.length === 1);
  await end(first.running);
  assert.equal(await attempts(at), 0);
  const second = await at.process();
  await at.when('it has its outcome', async () => (await charges(at)) === 1);
  assert.deepEqual(seen, Array(3).fill({ at: 0, list: [{}] }));
  await end(second.running);
});

test('G8: a service whose code lacks the external command of an open intent does not start, and says which', async () => {
  const at = await sea();
  at.stage.do = () => new Promise(() => {});
  const first = await at.process();
  first.call(till.charge, { id: 'a' }, { key: 'k' }).catch(() => {});
  await at.when('there is an intent', async () => (await intents(at)) === 1);
  await end(first.running);
  await assert.rejects(
    at.process(tillOf(at.stage, true)),
    (error: unknown) => error instanceof IntentStranded && /charge \(1\)/.test(error.message),
  );
  at.stage.do = () => 'yes';
  const second = await at.process();
  await at.when('it has its outcome', async () => (await charges(at)) === 1);
  await end(second.running);
});

/** Two processes, of which the first reaches out and has no outcome; whoever does so after it has one. */
async function oneHanging(
  at: Sea,
): Promise<{ readonly [P in 'first' | 'second']: Awaited<ReturnType<Sea['process']>> } & { reached(): number }> {
  let reached = 0;
  at.stage.do = () => {
    reached++;
    return reached === 1 ? new Promise(() => {}) : 'yes';
  };
  const [first, second] = [await at.process(), await at.process()];
  first.call(till.charge, { id: 'a' }, { key: 'k' }).catch(() => {});
  await at.when('the first reaches out', () => reached === 1);
  return { first, second, reached: () => reached };
}

test('G7: a crowd of intents that only other code knows keeps nobody from those that this code knows', async () => {
  const at = await sea();
  const { first, second } = await oneHanging(at);
  const columns = 'operation, idempotency_key, fingerprint, input, intent, since, attempts, due, owner';
  const refund = `insert into sw_intent (${columns}) values ('refund', ?, '', '{}', '{}', 0, 0, 0, 'gone')`;
  await at.store.transaction(async (tx) => {
    for (let n = 0; n < 100; n++) await tx.run(refund, `r${n}`);
  });
  await end(first.running);
  await at.when('it has its outcome', async () => (await charges(at)) === 1);
  assert.equal(await intents(at), 100);
  await end(second.running);
});

test('G7: a crowd of intents of one command, however many and overdue, keeps nobody from those of another', async () => {
  const at = await sea();
  const { first, second } = await oneHanging(at);
  await end(first.running);
  await end(second.running);
  const refunds = contract('till', {
    charge: till.charge,
    refund: command({ http: 'POST /refunds', input: z.object({ id: z.string() }) }),
  });
  let asked = 0;
  const both = service(refunds, {
    migrations: [{ name: 'till/1', statements: ['create table charge (id text primary key)'] }],
    handlers: {
      charge: tillOf(at.stage).handlers['charge'] as never,
      refund: external({
        before: () => ({}),
        do: () => {
          asked++;
          throw new Error('down');
        },
        after: () => {},
      }),
    },
  });
  const columns = 'operation, idempotency_key, fingerprint, input, intent, since, attempts, due, owner';
  await at.store.transaction(async (tx) => {
    for (let n = 0; n < 200; n++)
      await tx.run(`insert into sw_intent (${columns}) values ('refund', ?, '', '{}', '{}', 0, 0, 0, 'gone')`, `r${n}`);
  });
  const { running } = await at.process(both as never);
  // The first look at the database finds it.
  await at.clock.advance(10);
  assert.deepEqual([await charges(at), asked], [1, 64]);
  await end(running);
});

for (const { what, count, size, most } of [
  { what: 'many bytes', count: 20, size: 2 ** 20, most: 8 },
  { what: 'many', count: 600, size: 10, most: 256 },
])
  test(`no more intents are taken up than fit into memory, be they ${what}; each has its turn`, async () => {
    const at = await sea();
    const first = await at.process();
    await end(first.running);
    const [seen, now] = [new Set<string>(), { running: 0, most: 0 }];
    at.stage.do = async ({ key }) => {
      const hangs = !seen.has(key);
      seen.add(key);
      now.most = Math.max(now.most, ++now.running);
      await sleep(at.clock, hangs ? 900 : 0);
      now.running--;
      return 'yes';
    };
    const columns = 'operation, idempotency_key, fingerprint, input, intent, since, attempts, due, owner';
    const insert = `insert into sw_intent (${columns}) values ('charge', ?, '', ?, ?, 0, 0, 0, 'gone')`;
    await at.store.transaction(async (tx) => {
      for (let n = 0; n < count; n++) await tx.run(insert, `k${n}`, `{"id":"${n}"}`, JSON.stringify('x'.repeat(size)));
    });
    const { running } = await at.process();
    await at.when('each has its outcome', async () => (await charges(at)) === count);
    assert.equal(now.most > 1 && now.most <= most, true, `${now.most} at one time`);
    await end(running);
  });

test('an intent whose numbers are none is left aside by name, too', async () => {
  const at = await sea();
  const columns = 'operation, idempotency_key, fingerprint, input, intent, since, attempts, due, owner';
  const first = await at.process();
  await end(first.running);
  await at.store.transaction((tx) =>
    tx.run(
      `insert into sw_intent (${columns}) values ('charge', 'bad', '', '{"id":"a"}', '{}', 9223372036854775807, 9223372036854775807, 0, 'gone')`,
    ),
  );
  const { running } = await at.process();
  await at.when('it is named', () => at.logged.some((line) => line.startsWith('a row cannot be read')));
  await end(running);
});

test('an intent that cannot be read is named and left aside; the others are driven on, and it is once it is mended', async () => {
  const at = await sea();
  const columns = 'operation, idempotency_key, fingerprint, input, intent, since, attempts, due, owner';
  const insert = `insert into sw_intent (${columns}) values ('charge', ?, '', ?, '{}', 0, 0, 0, 'gone')`;
  const first = await at.process();
  await end(first.running);
  await at.store.transaction(async (tx) => {
    for (let n = 0; n < 70; n++) await tx.run(insert, `bad ${n}`, '{oops');
    await tx.run(insert, 'good', '{"id":"good"}');
  });
  const { running } = await at.process();
  await at.when('the other has its outcome', async () => (await charges(at)) === 1);
  await at.clock.advance(100_000);
  assert.equal(at.logged.filter((line) => line.startsWith('a row cannot be read')).length, 70);
  await at.store.transaction((tx) => tx.run(`update sw_intent set input = '{"id":"mended"}' where idempotency_key = 'bad 0'`));
  await at.when('it has its outcome', async () => (await charges(at)) === 2);
  await end(running);
});

test('an intent that this process is at is not driven a second time, however overdue its row says that it is', async () => {
  const at = await sea();
  const answers: ((value: unknown) => void)[] = [];
  at.stage.do = () => new Promise((resolve) => answers.push(resolve));
  const { running, call } = await at.process();
  await at.clock.advance(600);
  const answer = call(till.charge, { id: 'a' }, { key: 'k' });
  await at.when('it reaches out', () => answers.length === 1);
  await at.store.transaction((tx) => tx.run('update sw_intent set due = 0'));
  // To the next look at the database, and not to the end of its time.
  await at.clock.advance(600);
  assert.equal(answers.length, 1);
  answers[0]?.('yes');
  assert.deepEqual(await at.clock.run(answer), { receipt: 'receipt' });
  assert.equal(await charges(at), 1);
  await end(running);
});

test('G7: while its worker lives another process neither drives an intent nor answers for it; once it is dead, it does both', async () => {
  const at = await sea();
  const { first, second, reached } = await oneHanging(at);
  await assert.rejects(
    second.call(till.charge, { id: 'a' }, { key: 'k' }),
    (error: unknown) => error instanceof CallFailed && error.problem.code === 'SW_IDEMPOTENCY_IN_PROGRESS',
  );
  assert.equal(reached(), 1);
  await end(first.running);
  await at.when('it has its outcome', async () => (await charges(at)) === 1);
  assert.deepEqual(await second.call(till.charge, { id: 'a' }, { key: 'k' }), { receipt: 'receipt' });
  assert.equal(reached(), 2);
  await end(second.running);
});

test('G7: who was taken over while it reached out writes nothing any more', async () => {
  const at = await sea();
  const answers: ((value: unknown) => void)[] = [];
  at.stage.do = () => new Promise((resolve) => answers.push(resolve));
  const first = await at.process();
  const call = first.call(till.charge, { id: 'a' }, { key: 'k' }).catch((error: unknown) => error);
  await at.when('the first reaches out', () => answers.length === 1);
  // Its heart stops, but it does not know.
  await at.store.transaction((tx) => tx.run("update sw_intent set owner = 'another'"));
  answers[0]?.('yes');
  assert.equal(((await at.clock.run(call)) as CallFailed).problem.code, 'SW_IDEMPOTENCY_IN_PROGRESS');
  assert.deepEqual([await charges(at), await intents(at)], [0, 1]);
  await end(first.running);
});

test('G9: a declared error of `before` is recorded: a repeat does not ask again', async () => {
  const at = await sea();
  const { running, call } = await at.process();
  let asked = 0;
  at.stage.before = () => {
    asked++;
    throw new Failure('Closed', undefined);
  };
  await assert.rejects(at.clock.run(call(till.charge, { id: 'a' }, { key: 'k' })), Failure);
  const before = asked;
  await assert.rejects(at.clock.run(call(till.charge, { id: 'a' }, { key: 'k' })), Failure);
  assert.equal(asked, before);
  assert.equal(await intents(at), 0);
  await end(running);
});

test('G6: an external command that undoes a step leaves its tombstone with the intent; the step does not even reach out', async () => {
  const at = await sea();
  const { running, call } = await at.process();
  const keys: string[] = [];
  at.stage.do = ({ key }) => {
    keys.push(key);
    return new Promise(() => {});
  };
  call(till.charge, { id: 'a' }, { key: 's.charge.undo#1', undoes: 's.charge' }).catch(() => {});
  await at.when('the undo reaches out', () => keys.length === 1);
  await assert.rejects(
    call(till.charge, { id: 'b' }, { key: 's.charge#1' }),
    (error: unknown) => error instanceof CallFailed && error.problem.code === 'SW_STEP_UNDONE',
  );
  assert.deepEqual(keys, ['s.charge.undo#1']);
  await end(running);
});

test('an intent of the version before gets what its input lacks; the rest of it is as that version had it', async () => {
  const at = await sea();
  const seen: unknown[] = [];
  let answers = false;
  const cents = z.number().transform((euros) => euros * 100);
  const versionOf = (input: z.ZodType<{ readonly id: string }>) => {
    const next = contract('till', {
      charge: command({ http: 'POST /charges', input: input as typeof till.charge.input, output: z.object({ receipt: z.string() }) }),
    });
    const handlers = {
      charge: external({
        timeout: '1s',
        before: () => ({}),
        do: (context) => {
          if (!answers) throw new Error('no answer');
          seen.push(context.input);
        },
        after: ({ input: read }) => {
          seen.push(read);
          return { receipt: 'r' };
        },
      }),
    };
    return { next, definition: service(next, { handlers }) };
  };
  const Line = z.object({ price: cents });
  const old = versionOf(z.object({ id: z.string(), price: cents, lines: z.array(Line) }) as never);
  const first = await at.process(old.definition as never);
  first.call(old.next.charge, { id: 'a', price: 5, lines: [{ price: 2 }] } as never, { key: 'k' }).catch(() => {});
  await at.when('it was tried', async () => Number(await attempts(at)) > 0);
  await end(first.running);
  answers = true;
  const More = Line.extend({ unit: z.string().default('kg') });
  const now = versionOf(z.object({ id: z.string(), price: cents, by: z.string().default('till'), lines: z.array(More) }) as never);
  const { running } = await at.process(now.definition as never);
  await at.when('it has its outcome', async () => (await intents(at)) === 0);
  const input = { id: 'a', price: 500, by: 'till', lines: [{ price: 200, unit: 'kg' }] };
  assert.deepEqual(seen, [input, input]);
  await end(running);
});

test('an answer that is kept and not declared any more is a problem by name; one of which nothing is promised any more says nothing', async () => {
  const at = await sea();
  const first = await at.process();
  at.stage.before = () => {
    throw new Failure('Closed', undefined);
  };
  await assert.rejects(first.call(till.charge, { id: 'a' }, { key: 'refused' }), Failure);
  at.stage.before = () => ({});
  await first.call(till.charge, { id: 'b' }, { key: 'done' });
  await end(first.running);
  const next = contract('till', { charge: command({ http: 'POST /charges', input: z.object({ id: z.string() }) }) });
  const { running, call } = await at.process(service(next, { handlers: { charge: () => {} } }) as never);
  await assert.rejects(
    call(next.charge, { id: 'a' }, { key: 'refused' }),
    (error: unknown) => error instanceof CallFailed && error.problem.code === 'SW_ANSWER_OUTDATED',
  );
  assert.equal(await call(next.charge, { id: 'b' }, { key: 'done' }), undefined);
  await end(running);
});

const insertIntent = (at: Sea, key: string, more: { readonly owner?: string; readonly crashes?: number; readonly inHand?: boolean } = {}) =>
  at.store.transaction((tx) =>
    tx.run(
      `insert into sw_intent (operation, idempotency_key, fingerprint, input, intent, since, attempts, due, owner, in_hand, crashes)
        values ('charge', ?, '', ?, '{}', 0, 0, 0, ?, ?, ?)`,
      ...[key, JSON.stringify({ id: key }), more.owner ?? 'gone', more.inHand ? 1 : 0, more.crashes ?? 0],
    ),
  );
/** A worker that did not stop in order. */
const killed = (at: Sea) => at.store.transaction((tx) => tx.run("insert into sw_worker (id, until, ttl) values ('killed', 0, 3000)"));
const deaths = async ({ store }: Sea): Promise<unknown> =>
  (await store.read.all('select crashes from sw_intent order by idempotency_key')).map((row) => row['crashes']);

test('a process that stops in order is no death, however often it cuts a `do`, and of a suspect it takes back its own', async () => {
  const at = await sea();
  let runs = 0;
  at.stage.do = () => {
    runs++;
    return new Promise(() => {});
  };
  let { running, call } = await at.process();
  call(till.charge, { id: 'a' }, { key: 'k' }).catch(() => {});
  for (let life = 1; life <= 4; life++) {
    await at.when('it is driven', () => runs === life);
    await end(running);
    assert.deepEqual(await deaths(at), [0]);
    ({ running, call } = await at.process());
  }
  await end(running);
  await at.store.transaction((tx) => tx.run('update sw_intent set crashes = 2'));
  const before = runs;
  ({ running } = await at.process());
  await at.when('it is driven', () => runs > before);
  assert.deepEqual(await deaths(at), [3], 'its death is written before the run');
  await end(running);
  assert.deepEqual(await deaths(at), [2]);
  at.stage.do = () => 'yes';
  ({ running } = await at.process());
  await at.when('it has its outcome', async () => (await charges(at)) === 1);
  await end(running);
});

test('a death counts for an intent in the hand of a process that did not stop in order, and for nothing else', async () => {
  const at = await sea();
  const first = await at.process();
  await end(first.running);
  await killed(at);
  await insertIntent(at, 'a driven', { owner: 'killed', inHand: true });
  await insertIntent(at, 'b waiting', { owner: 'killed' });
  await insertIntent(at, 'c stopped', { owner: 'stopped', inHand: true });
  at.stage.do = () => new Promise(() => {});
  const { running } = await at.process();
  await at.clock.advance(10);
  assert.deepEqual(await deaths(at), [1, 0, 0]);
  await end(running);
});

test('suspects are driven one at a time, those with the fewest deaths first; the others beside them, and no caller drives one', async () => {
  const at = await sea();
  const first = await at.process();
  await end(first.running);
  await killed(at);
  for (const [key, crashes] of [
    ['four', 4],
    ['three', 3],
    ['one', 1],
    ['none', 0],
  ] as const)
    await insertIntent(at, key, { crashes, owner: 'killed', inHand: true });
  const answers = new Map<string, (value: unknown) => void>();
  at.stage.do = ({ key }) => new Promise((resolve) => answers.set(key, resolve));
  const { running, call } = await at.process(tillOf(at.stage, false, '1h'));
  await at.clock.advance(5000);
  // With this death `one` is a suspect as well.
  assert.deepEqual([...answers.keys()], ['none', 'one']);
  await at.store.transaction((tx) => tx.run('update sw_intent set fingerprint = (select fingerprint from sw_intent limit 1)'));
  answers.get('one')?.('yes');
  await at.when('the next one is driven', () => answers.size === 3);
  assert.equal([...answers.keys()].at(-1), 'three');
  await assert.rejects(
    at.clock.run(call(till.charge, { id: 'four' }, { key: 'four' })),
    (error: unknown) => error instanceof CallFailed && /SW_IDEMPOTENCY/.test(error.problem.code ?? ''),
  );
  answers.get('three')?.('yes');
  await at.when('the last one is driven', () => answers.size === 4);
  for (const answer of answers.values()) answer('yes');
  await at.when('all have their outcome', async () => (await charges(at)) === 4);
  await end(running);
});

test('after 5 deaths an intent is set aside for 5 minutes, doubling to an hour; a run that ends makes it one like any other', async () => {
  const at = await sea();
  const first = await at.process();
  await end(first.running);
  await killed(at);
  let runs = 0;
  at.stage.do = () => {
    runs++;
    throw new Error('no answer');
  };
  for (const [crashes, minutes] of [
    [5, 5],
    [6, 10],
    [7, 20],
    [8, 40],
    [9, 60],
    [40, 60],
  ] as const) {
    await at.store.transaction((tx) => tx.run('delete from sw_intent'));
    await insertIntent(at, 'k', { crashes, owner: 'killed', inHand: true });
    const { running } = await at.process();
    await at.clock.advance(10);
    const [row] = await at.store.read.all('select due from sw_intent');
    assert.equal(Math.round((Number(row?.['due']) - at.clock.now()) / 60_000), minutes);
    assert.equal(runs, 0);
    await end(running);
  }
  assert.equal(at.logged.filter((line) => line.endsWith('killed its processes, and is set aside')).length, 6);
  const { running } = await at.process();
  await at.clock.advance(59 * 60_000);
  assert.equal(runs, 0, 'also the next process waits');
  await at.when('it is driven', () => runs > 0);
  await at.when('the run has ended', async () => (await attempts(at)) === 1);
  assert.deepEqual(await deaths(at), [0]);
  await end(running);
});
