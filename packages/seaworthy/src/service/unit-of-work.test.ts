import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { memory as memoryBus } from '../bus/drivers/memory.ts';
import { Failure } from '../client/call.ts';
import { caller } from '../client/caller.ts';
import { CallFailed } from '../client/errors.ts';
import { local } from '../client/transports/local.ts';
import { command, contract, event } from '../contract/contract.ts';
import { type Observe, silent } from '../core/observe.ts';
import { runtime } from '../core/runtime.ts';
import { policyOn } from '../resilience/policy.ts';
import { saga } from '../saga/definition.ts';
import { SagaUnlisted } from '../saga/starts.ts';
import { memory } from '../store/drivers/memory.ts';
import type { Store } from '../store/store.ts';
import { seededRandom, virtualClock } from '../testing/clock.ts';
import { external } from './handler.ts';
import { run } from './lifecycle.ts';
import { rerunning } from './rerunning.fixture.ts';
import { service } from './service.ts';

const Ref = z.object({ id: z.string() });
const desk = contract('desk', {
  write: command({ http: 'POST /write', input: Ref }),
  reach: command({ http: 'POST /reach', input: Ref }),
  hang: command({ http: 'POST /hang', input: Ref }),
  stray: command({ http: 'POST /stray', input: Ref }),
  waver: command({ http: 'POST /waver', input: Ref, errors: { Full: { status: 409 } } }),
  said: event({ key: 'id', data: Ref }),
  heard: event({ key: 'id', data: Ref }),
});
/** Its only step is a call, so that it is not done with the transaction that starts it. */
const job = saga(desk, 'job', { input: Ref, uses: [desk] }).step('write', {
  do({ input }) {
    done.push(input.id);
  },
});
/** The jobs that were done. */
const done: string[] = [];
/** Its first step runs in the transaction that starts it, and fails there. */
const failing = saga(desk, 'failing', { input: Ref }).local('write', {
  do() {
    throw new Failure('Full', undefined);
  },
});
/** Nobody has put it into the service's list. */
const unlisted = saga(desk, 'unlisted', { input: Ref }).local('write', { do: () => undefined });

/** It belongs to another service, though its name is that of a saga which this one runs. */
const foreign = saga(contract('bank', {}), 'job', { input: Ref });

let wavered = 0;
const all = service(desk, {
  handlers: {
    write({ input, publish, start }) {
      publish('said', { id: `write ${input.id}` });
      start(job, { id: `write ${input.id}` });
    },
    reach: external({
      before({ input, publish, start }) {
        publish('said', { id: `before ${input.id}` });
        start(job, { id: `before ${input.id}` });
      },
      do: () => undefined,
      after({ input, publish, start }) {
        publish('said', { id: `after ${input.id}` });
        start(job, { id: `after ${input.id}` });
      },
    }),
    hang: () => new Promise<void>(() => {}),
    waver({ input, publish, start, fail }) {
      start(job, input);
      publish('said', input);
      if (input.id === 'at its start') start(failing, input);
      // The first run is rolled back, as by a conflict.
      if (input.id === 'in a run that is repeated' && wavered++ > 0) throw fail('Full');
    },
    stray({ input, start, stop }) {
      const stray = input.id.startsWith('foreign') ? (foreign as never) : unlisted;
      return input.id.endsWith('start') ? start(stray, input) : stop(stray, 'k', 'why');
    },
  },
  on: (on) => [
    on(desk.said, ({ data, publish, start }) => {
      publish('heard', { id: data.id });
      start(job, { id: `on ${data.id}` });
    }),
  ],
  sagas: [job, failing],
});

async function openWorld(view: (store: Store) => Store = (store) => store) {
  const clock = virtualClock();
  const logged: { readonly level: string; readonly error: unknown }[] = [];
  const observe = {
    ...silent,
    log: (level, _message, attributes) => void logged.push({ level, error: attributes?.['error'] }),
  } satisfies Observe;
  const rt = runtime({ clock, random: seededRandom(1), observe });
  const store = await memory().open('desk', rt);
  const bus = await memoryBus().open(rt);
  const call = (() => assert.fail('it calls nobody')) as never;
  const running = await run(all, { runtime: rt, store: { open: async () => view(store) }, bus, call });
  await running.begin();
  return {
    ...{ clock, store, logged },
    call: caller({ runtime: rt, transportOf: () => local('desk', () => running.endpoint), policyOf: () => policyOn(rt) }),
    async end() {
      const down = AbortSignal.abort(new Error('down'));
      await running.quiesce(down);
      await running.close(down);
      await bus.close();
    },
  };
}

test('G1: events and sagas of a command, of both transactions of an external one and of a reaction take effect at once', async () => {
  const world = await openWorld();
  await world.call(desk.write, { id: 'a' });
  await world.call(desk.reach, { id: 'b' });
  const names = ['write a', 'before b', 'after b'];
  const wanted = [...names, ...names.map((name) => `on ${name}`)].sort();
  const done = async (): Promise<unknown[]> =>
    (await world.store.read.all("select input from sw_saga where state = 'done'"))
      .map((row) => (JSON.parse(String(row['input'])) as { id: string }).id)
      .sort();
  // The clock stands still: no poll helps.
  for (let round = 0; round < 500 && (await done()).length < wanted.length; round++) await world.clock.advance(0);
  assert.deepEqual(await done(), wanted);
  await world.end();
});

for (const [id, view] of [
  ['at its start', undefined],
  ['in a run that is repeated', rerunning],
] as const)
  test(`G1: a saga does not begin when its handler fails ${id}, although its row was written`, async () => {
    const world = await openWorld(view);
    await assert.rejects(
      world.clock.run(world.call(desk.waver, { id })),
      (error: unknown) => error instanceof Failure && error.name === 'Full',
    );
    await world.clock.advance(5000);
    assert.deepEqual(
      done.filter((one) => one === id),
      [],
    );
    for (const table of ['sw_saga', 'sw_outbox']) assert.equal((await world.store.read.all(`select 1 from ${table}`)).length, 0, table);
    await world.end();
  });

test('G9: a repeat gets 409 while the first call runs in this process, whatever that waits for', async () => {
  const world = await openWorld();
  world.call(desk.hang, { id: 'h' }, { key: 'k' }).catch(() => {});
  await world.clock.advance(0);
  await assert.rejects(
    world.clock.run(world.call(desk.hang, { id: 'h' }, { key: 'k' })),
    (error: unknown) => error instanceof CallFailed && error.problem.code === 'SW_IDEMPOTENCY_IN_PROGRESS',
  );
  await world.end();
});

test('a start of a saga that the service does not list is SW_SAGA_UNLISTED, and the log says what to do', async () => {
  const world = await openWorld();
  const listed = 'the service desk does not run the saga unlisted: add it to its `sagas`';
  const owned = 'the service desk does not run the saga job, which belongs to bank: publish an event to it';
  for (const [id, message] of [
    ['start', listed],
    ['stop', listed],
    ['foreign start', owned],
    ['foreign stop', owned],
  ] as const) {
    await assert.rejects(
      world.clock.run(world.call(desk.stray, { id })),
      (error: unknown) =>
        error instanceof CallFailed &&
        error.problem.status === 500 &&
        !/unlisted|bank/.test(error.message) &&
        error.problem.code === 'SW_SAGA_UNLISTED',
    );
    const { level, error } = world.logged.at(-1) ?? {};
    assert.equal(level, 'error');
    assert.ok(error instanceof SagaUnlisted);
    assert.equal(error.message, message);
  }
  await world.end();
});
