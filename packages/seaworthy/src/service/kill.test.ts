import assert from 'node:assert/strict';
import { z } from 'zod';
import { memory as memoryBus } from '../bus/drivers/memory.ts';
import { caller } from '../client/caller.ts';
import { CallFailed } from '../client/errors.ts';
import { local } from '../client/transports/local.ts';
import { command, contract } from '../contract/contract.ts';
import { silent } from '../core/observe.ts';
import { runtime } from '../core/runtime.ts';
import { sleep } from '../core/sleep.ts';
import { policyOn } from '../resilience/policy.ts';
import { sqlite } from '../store/drivers/sqlite.ts';
import type { Row, Store } from '../store/store.ts';
import { fastClock, killTests } from '../testing/kill.fixture.ts';
import { external } from './handler.ts';
import { run } from './lifecycle.ts';
import { service } from './service.ts';

const till = contract('till', {
  charge: command({ http: 'POST /charges', input: z.object({ id: z.string() }) }),
});
const charging = service(till, {
  migrations: [{ name: 'till/1', statements: ['create table charge (id text primary key)'] }],
  handlers: {
    charge: external({
      before: () => ({}),
      async do({ input }) {
        if (input.id === 'deadly') process.kill(process.pid, 'SIGKILL');
        // Long enough to be in flight when the deadly one kills the process.
        await sleep(fastClock, 100);
      },
      async after({ input, tx }) {
        await tx.run('insert into charge (id) values (?)', input.id);
      },
    }),
  },
});

async function child(dir: string): Promise<void> {
  let suspects = (): number => 0;
  const rt = runtime({
    clock: fastClock,
    observe: {
      ...silent,
      gauge(name, _, read) {
        if (name === 'seaworthy_external_suspect') suspects = read;
        return () => {};
      },
    },
  });
  const store = await sqlite({ dir }).open('till', rt);
  const running = await run(charging, {
    runtime: rt,
    store: { open: async () => store },
    bus: await memoryBus().open(rt),
    call: (() => assert.fail('it calls no other service')) as never,
  });
  await running.begin();
  const call = caller({ runtime: rt, transportOf: () => local('till', () => running.endpoint), policyOf: () => policyOn(rt) });
  const charge = (id: string): Promise<unknown> => call(till.charge, { id }, { key: id }).catch((error: unknown) => error);
  const charged = async (): Promise<number> => (await store.read.all('select 1 from charge')).length;
  if ((await charged()) === 0 && (await store.read.all('select 1 from sw_intent')).length === 0)
    for (const id of ['a', 'b', 'c', 'deadly']) charge(id);
  // The deadly one is set aside for minutes.
  const aside = async (): Promise<boolean> =>
    (await store.read.all('select 1 from sw_intent where in_flight = 0 and due > ?', fastClock.now() + 60_000)).length > 0;
  while ((await charged()) < 3 || !(await aside())) await sleep(fastClock, 50);
  const refused = await charge('deadly');
  assert.ok(refused instanceof CallFailed && refused.problem.code === 'SW_IDEMPOTENCY_IN_PROGRESS');
  assert.equal(suspects(), 1);
  process.exit(0);
}

async function on<V>(dir: string, work: (store: Store) => Promise<V>): Promise<V> {
  const store = await sqlite({ dir }).open('till', runtime());
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}
const intents = (dir: string): Promise<readonly Row[]> =>
  on(dir, (store) => store.read.all('select idempotency_key as name, crashes from sw_intent order by name'));

await killTests(import.meta.filename, child, [
  {
    name: 'G7: a `do` that kills its process is left aside after 5 deaths and never given up; the commands beside it get their outcome',
    async body(dir, live) {
      const deaths: unknown[] = [];
      for (let life = 1; life <= 5; life++) {
        assert.equal(await live(undefined), 'SIGKILL', `life ${life}`);
        deaths.push((await intents(dir)).find(({ name }) => name === 'deadly')?.['crashes']);
      }
      // The death of a suspect is written before its run, that of any other intent when another process takes it over.
      assert.deepEqual(deaths, [0, 1, 3, 4, 5]);
      assert.equal((await intents(dir)).length, 1, 'the others have their outcome');
      assert.equal(await live(undefined), 'exit 0');
      // Its time comes, and it kills once more.
      await on(dir, (store) => store.transaction((tx) => tx.run('update sw_intent set due = ?', fastClock.now())));
      assert.equal(await live(undefined), 'SIGKILL');
      assert.equal(await live(undefined), 'exit 0');
      assert.equal((await intents(dir))[0]?.['crashes'], 6);
    },
  },
]);
