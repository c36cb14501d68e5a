import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { z } from 'zod';
import { thorough } from '../../../../scripts/thorough.ts';
import { memory as memoryBus } from '../bus/drivers/memory.ts';
import { caller } from '../client/caller.ts';
import type { Endpoint } from '../client/transport.ts';
import { local } from '../client/transports/local.ts';
import { command, contract } from '../contract/contract.ts';
import { runtime } from '../core/runtime.ts';
import { sleep } from '../core/sleep.ts';
import { policyOn } from '../resilience/policy.ts';
import { saga } from '../saga/definition.ts';
import { memory } from '../store/drivers/memory.ts';
import { sqlite } from '../store/drivers/sqlite.ts';
import type { Store, StoreDriver } from '../store/store.ts';
import { seededRandom, virtualClock } from '../testing/clock.ts';
import { crashableByStatement, crashableEndpoint, hasEffect } from '../testing/crashable.ts';
import { processLife } from '../testing/process-life.ts';
import { external } from './handler.ts';
import { run } from './lifecycle.ts';
import { service } from './service.ts';

const Ref = z.object({ id: z.string() });
const till = contract('till', {
  charge: command({ http: 'POST /charges', input: Ref, errors: { Declined: { status: 402 } } }),
  refund: command({ http: 'POST /refunds', input: Ref }),
});
const shop = contract('shop', { buy: command({ http: 'POST /buy', input: Ref }) });

/** A saga whose only step times out long before its charge has an outcome. */
const buying = saga(shop, 'buying', { input: Ref, uses: [till], key: ({ id }) => id }).step('charge', {
  retry: { attempts: 1 },
  timeout: '500ms',
  do: ({ input, call }) => call(till.charge, input),
  undo: ({ input, call }) => call(till.refund, input),
});
const seller = service(shop, { handlers: { buy: ({ input, start }) => void start(buying, input) }, sagas: [buying] });

const root = mkdtempSync(join(tmpdir(), 'seaworthy-undo-'));
after(() => rmSync(root, { recursive: true, force: true }));
let folder = 0;
const drivers: readonly (readonly [string, () => StoreDriver])[] = [
  ['memory, conflicting', memory],
  ['sqlite', () => sqlite({ dir: join(root, String(folder++)) })],
];

/** What the third party does with the nth request. */
type Outcome = (n: number) => 'captured' | 'declined' | 'down';

interface Play {
  readonly driver: StoreDriver;
  readonly outcome: Outcome;
  /** Steps until the process that was asked first dies; a second one lives on. */
  readonly steps?: number;
}

interface Result {
  /** Where the process died, if it did. */
  readonly at: string | undefined;
  readonly captured: boolean;
  readonly refunded: boolean;
  /** What the saga said that it waits for. */
  readonly waits: ReadonlySet<string>;
}

/** A purchase that is given up while its charge is under way, in a till of two processes. */
async function play({ driver, outcome, steps }: Play): Promise<Result> {
  const clock = virtualClock();
  const surroundings = { clock, random: seededRandom(1) };
  const rt = runtime(surroundings);
  const books = new Set<string>();
  let asked = 0;
  let [begun, ended] = [false, false];
  const cashier = service(till, {
    migrations: [{ name: 'till/1', statements: ['create table charge (id text primary key, state text not null)'] }],
    handlers: {
      charge: external({
        before: () => ({}),
        async do({ key, signal }) {
          assert.ok(!ended, 'nothing is asked of the third party once all is undone');
          const answer = outcome(++asked);
          await sleep(clock, 1500, signal);
          if (answer === 'down') throw new Error('nobody answers');
          if (answer === 'captured') books.add(key);
          return answer;
        },
        async after({ input, tx, outcome: answer, fail }) {
          if (answer === 'declined') throw fail('Declined');
          await tx.run("insert into charge values (?, 'captured')", input.id);
        },
      }),
      refund: async ({ input, tx }) => void (await tx.run("update charge set state = 'refunded' where id = ?", input.id)),
    },
  });
  const bus = await memoryBus().open(rt);
  const store = await driver.open('till', rt);
  const keep = (view: Store): StoreDriver => ({ open: async () => ({ ...view, close: async () => {} }) });
  const nobody = (() => assert.fail('it calls nobody')) as never;
  // Steps count from the purchase to the end of its undo.
  const counts = (step: string): boolean => begun && !ended && hasEffect(step);
  const processes = await Promise.all(
    [processLife({ name: 'first', steps, counts, clock }), processLife({ name: 'second', clock })].map(async (life) => {
      const parts = {
        runtime: runtime({ ...surroundings, clock: life.clock, reached: life.pass }),
        store: keep(crashableByStatement(store, life)),
        bus,
        call: nobody,
      };
      const running = await run(cashier, parts);
      await running.begin();
      return { life, running, endpoint: crashableEndpoint(running.endpoint, life) };
    }),
  );
  // The next call goes to another process than the last.
  let turn = 0;
  const living = () => processes.filter(({ life }) => !life.dead.aborted);
  const endpoint = (): Endpoint | undefined => living()[turn++ % living().length]?.endpoint;
  const own = await memory().open('shop', rt);
  const ways = { till: endpoint, shop: () => selling.endpoint } as Readonly<Record<string, () => Endpoint>>;
  const unguarded = { policyOf: () => policyOn(rt), guardOf: () => policyOn(rt) };
  const call = caller({ runtime: rt, transportOf: (name) => local(name, ways[name] as () => Endpoint), ...unguarded });
  const selling = await run(seller, { runtime: rt, store: keep(own), bus, call });
  await selling.begin();
  begun = true;
  await clock.run(call(shop.buy, { id: 'a' }));
  const waits = new Set<string>();
  for (let round = 0; !ended; round++) {
    const [row] = await own.read.all('select state, error from sw_saga');
    assert.ok(round < 3000, `it ends, and is not ${JSON.stringify(row)}`);
    if (row?.['error']) waits.add(String(row['error']));
    ended = row?.['state'] !== 'running' && row?.['state'] !== 'undoing';
    assert.ok(!ended || row?.['state'] === 'undone', `it is undone, and not ${JSON.stringify(row)}`);
    if (!ended) await clock.advance(100);
  }
  // Long enough for whatever should not go on any more.
  await clock.advance(60_000);
  const charges = await store.read.all('select state from charge');
  assert.equal((await store.read.all('select 1 from sw_intent')).length, 0);
  const down = AbortSignal.abort(new Error('down'));
  for (const one of [selling, ...living().map(({ running }) => running)]) {
    await one.quiesce(down);
    await one.close(down);
  }
  await store.close();
  await bus.close();
  return { at: processes[0]?.life.at, captured: books.size > 0, refunded: charges.some(({ state }) => state === 'refunded'), waits };
}

const slow: Outcome = () => 'captured';
const late: Outcome = (n) => (n > 12 ? 'captured' : 'down');
const declined: Outcome = () => 'declined';

for (const [name, driver] of drivers) {
  test(`G6: an undo waits for a charge in flight, and then undoes it (${name})`, async () => {
    const { captured, refunded, waits } = await play({ driver: driver(), outcome: slow });
    assert.deepEqual([captured, refunded], [true, true]);
    assert.match([...waits].join('\n'), /charge of the step .*\.charge has no outcome yet, and its undo begins after that/);
  });

  test(`G6: an undo waits while the third party is down, and its error has the number of runs (${name})`, async () => {
    const { captured, refunded, waits } = await play({ driver: driver(), outcome: late });
    assert.deepEqual([captured, refunded], [true, true]);
    assert.match([...waits].join('\n'), /has no outcome yet after \d runs of `do`/);
  });

  test(`G6: the undo of a charge that was declined has no effect (${name})`, async () => {
    const { captured, refunded } = await play({ driver: driver(), outcome: declined });
    assert.deepEqual([captured, refunded], [false, false]);
  });

  test(`G2, G6: an undo of a charge in flight holds when the process dies at any step (${name})`, async () => {
    const died = new Set<string>();
    const every = thorough || name === 'sqlite' ? 1 : 4;
    for (let steps = 1; ; steps += every) {
      const { at, captured, refunded } = await play({ driver: driver(), outcome: slow, steps });
      if (at === undefined) break;
      died.add(at);
      assert.equal(captured, refunded, `it died at the step ${steps}: ${at}`);
    }
    if (every > 1) return;
    for (const point of ['external/do/before', 'external/do/after', 'is about to commit', 'has committed'])
      assert.ok(died.has(point), point);
  });
}
