import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { memory as memoryBus } from '../bus/drivers/memory.ts';
import { caller } from '../client/caller.ts';
import { local } from '../client/transports/local.ts';
import { command, contract, event } from '../contract/contract.ts';
import { runtime } from '../core/runtime.ts';
import { policyOn } from '../resilience/policy.ts';
import { saga } from '../saga/definition.ts';
import { memory } from '../store/drivers/memory.ts';
import type { Isolation, Read, Store, StoreDriver, Tx } from '../store/store.ts';
import { seededRandom, virtualClock } from '../testing/clock.ts';
import { ServiceInvalid } from './errors.ts';
import { external } from './handler.ts';
import { run } from './lifecycle.ts';
import { service } from './service.ts';

/** A transaction that knows which isolation it was asked for. */
interface AskedTx {
  readonly asked: Isolation | undefined;
  readonly sql: Tx;
}

const Ref = z.object({ id: z.string() });
const desk = contract('desk', {
  write: command({ http: 'POST /write', input: Ref }),
  reach: command({ http: 'POST /reach', input: Ref }),
  said: event({ key: 'id', data: Ref }),
});

/** Returns what the transactions of a service asked for, by the function that ran in them. */
async function asked(isolation?: Isolation): Promise<Readonly<Record<string, unknown>>> {
  const seen: Record<string, unknown> = {};
  const see = (what: string, tx: AskedTx): void => {
    seen[what] = tx.asked;
  };
  const clock = virtualClock();
  const rt = runtime({ clock, random: seededRandom(1) });
  const inner = await memory().open('desk', rt);
  const store: Store<AskedTx, Read> = {
    ...inner,
    sql: ({ sql }) => sql,
    transaction: (work, options) => inner.transaction((sql) => work({ asked: options?.isolation, sql }), options),
  };
  const driver: StoreDriver<AskedTx, Read> = { open: async () => store };
  let done = false;
  const job = saga(desk, 'job', { input: Ref, uses: [desk], store: driver })
    .local('first', { do: ({ tx }) => see('first step', tx) })
    .step('call', { do: () => {} })
    .local('last', {
      do({ tx }) {
        see('last step', tx);
        throw new Error('no');
      },
      retry: { attempts: 1 },
    });
  const undone = saga(desk, 'undone', { input: Ref, uses: [desk], store: driver })
    .local('begin', {
      do: () => {},
      undo({ tx }) {
        see('undo', tx);
        done = true;
      },
    })
    .step('fail', {
      do() {
        throw new Error('no');
      },
      retry: { attempts: 1 },
    });
  const definition = service(desk, {
    store: driver,
    ...(isolation && { isolation }),
    handlers: {
      write({ input, tx, start, publish }) {
        see('handler', tx);
        start(job, input);
        start(undone, input);
        publish('said', input);
      },
      reach: external({ before: ({ tx }) => see('before', tx), do: () => {}, after: ({ tx }) => see('after', tx) }),
    },
    on: (on) => [on(desk.said, ({ tx }) => see('reaction', tx))],
    sagas: [job, undone],
  });
  const bus = await memoryBus().open(rt);
  const nobody = (() => assert.fail('it calls nobody')) as never;
  const running = await run(definition, { runtime: rt, store: memory(), bus, call: nobody });
  await running.begin();
  const call = caller({ runtime: rt, transportOf: () => local('desk', () => running.endpoint), policyOf: () => policyOn(rt) });
  await clock.run(call(desk.write, { id: 'a' }));
  await clock.run(call(desk.reach, { id: 'a' }));
  for (let round = 0; round < 1000 && !(done && 'reaction' in seen && 'last step' in seen); round++) await clock.advance(100);
  const down = AbortSignal.abort(new Error('down'));
  await running.quiesce(down);
  await running.close(down);
  await bus.close();
  return seen;
}

const all = ['handler', 'before', 'after', 'reaction', 'first step', 'last step', 'undo'];

for (const isolation of ['serializable', 'repeatable read', 'read committed'] as const)
  test(`every transaction of a service's own code asks for the isolation of the service: ${isolation}`, async () => {
    const seen = await asked(isolation);
    assert.deepEqual(seen, Object.fromEntries(all.map((what) => [what, isolation])));
  });

test('a service is serializable unless it asks for less', async () => {
  assert.deepEqual(new Set(Object.values(await asked())), new Set(['serializable']));
});

test('an unknown isolation is refused by name', () => {
  const handlers = { write: () => {}, reach: external({ before: () => null, do: () => {}, after: () => {} }) };
  assert.throws(
    () => service(desk, { handlers, isolation: 'snapshot' as 'serializable' }),
    (error: unknown) => error instanceof ServiceInvalid && /isolation "snapshot": choose one of serializable/.test(error.message),
  );
});
