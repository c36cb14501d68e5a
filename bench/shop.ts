import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type Pace, type Placing, play } from '../examples/shop/replay/play.ts';
import { shopClient } from '../examples/shop/replay/shop-client.ts';
import { spawnShop } from '../examples/shop/spawn.ts';
import { bench } from './harness.ts';

const orders = 3000;
/** Placed before, and not measured: a shop is open for longer than its code takes to be compiled. */
const warming = 3000;
const concurrency = 96;
const lines = 20;
const products = 400;
let run = 0;

/** Orders of twenty lines, as a retailer's invoices have them. */
const placings = (count = orders): Placing[] => {
  run++;
  return Array.from({ length: count }, (_, order) => ({
    key: `bench/${run}/${order}`,
    customerId: `c${order % 50}`,
    items: Array.from({ length: lines }, (_, line) => ({
      productId: `p${(order * 7 + line * 13) % products}`,
      quantity: 1 + (line % 3),
      unitPrice: 100 + line,
    })),
    paymentToken: 'tok_ok',
  }));
};

const folder = (): string => mkdtempSync(join(tmpdir(), 'seaworthy-bench-'));
const commits: number[] = [];

/** Measures the settled orders a second through the gateway, with the client on the same machine. */
async function settled(flags?: string): Promise<number> {
  const dir = folder();
  const shop = await spawnShop({ dir, env: flags === undefined ? {} : { NODE_OPTIONS: flags } });
  const client = shopClient(shop.url);
  try {
    for (let product = 0; product < products; product++) await client.setStock(`p${product}`, 1_000_000);
    const count = async (): Promise<number> => {
      const text = await (await fetch(`${shop.url}/metrics`)).text();
      return [...text.matchAll(/^seaworthy_store_commits_total\{[^}]*\} (\d+)$/gm)].reduce((sum, match) => sum + Number(match[1]), 0);
    };
    const pace: Pace = { usualMs: 30 };
    await play(client, placings(warming), concurrency, () => {}, pace);
    const before = await count();
    const began = performance.now();
    const played = await play(client, placings(), concurrency, () => {}, pace);
    const seconds = (performance.now() - began) / 1000;
    commits.push(((await count()) - before) / orders);
    const confirmed = played.filter(({ status }) => status === 'confirmed').length;
    if (confirmed !== orders) throw new Error(`${confirmed} of ${orders} orders were confirmed`);
    return orders / seconds;
  } finally {
    await client.close();
    await shop.stop();
    rmSync(dir, { recursive: true, force: true });
  }
}

/** Writes the same rows by hand: four files, synchronously, in the same number of commits. */
function byHand(): number {
  const dir = folder();
  const open = (name: string, ...tables: string[]): DatabaseSync => {
    const database = new DatabaseSync(join(dir, `${name}.db`));
    database.exec(`pragma journal_mode = wal; pragma synchronous = full; ${tables.map((table) => `create table ${table}`).join('; ')}`);
    return database;
  };
  const record = 'keyed (operation text, key text, print text, answer text, primary key (operation, key))';
  const files = [
    open(
      'orders',
      'orders (id text primary key, items text)',
      'saga (id text primary key, input text, journal text)',
      'outbox (id integer primary key, body text)',
      record,
    ),
    open(
      'inventory',
      'stock (id text primary key, available integer, reserved integer)',
      'reservation (id text primary key, items text)',
      'outbox (id integer primary key, body text)',
      record,
    ),
    open(
      'payments',
      'intent (key text primary key, body text)',
      'payment (id text primary key, amount integer)',
      'outbox (id integer primary key, body text)',
      record,
    ),
    open('bus', 'log (id integer primary key, body text)'),
  ] as const;
  const [own, stock, pay, bus] = files;
  for (let product = 0; product < products; product++) stock.prepare('insert into stock values (?, 1000000, 0)').run(`p${product}`);
  const keyed = files.slice(0, 3).map((file) => file.prepare('insert into keyed values (?, ?, ?, ?)'));
  const event = files
    .slice(0, 3)
    .map((file) => [file.prepare('insert into outbox (body) values (?)'), file.prepare('delete from outbox where id = ?')] as const);
  const statements = {
    order: own.prepare('insert into orders values (?, ?)'),
    saga: own.prepare('insert into saga values (?, ?, ?)'),
    step: own.prepare('update saga set journal = ? where id = ?'),
    take: stock.prepare('update stock set available = available - ?, reserved = reserved + ? where id = ? and available >= ?'),
    reserve: stock.prepare('insert into reservation values (?, ?)'),
    intend: pay.prepare('insert into intent values (?, ?)'),
    settle: pay.prepare('delete from intent where key = ?'),
    paid: pay.prepare('insert into payment values (?, ?)'),
    log: bus.prepare('insert into log (body) values (?)'),
  };
  const perOrder = commits.length > 0 ? ([...commits].sort((a, b) => a - b)[Math.floor(commits.length / 2)] as number) : 1;
  const group = Math.max(1, Math.round(files.length / perOrder));
  const began = performance.now();
  const all = placings();
  for (let from = 0; from < all.length; from += group) {
    for (const file of files) file.exec('begin immediate');
    for (const { key, items } of all.slice(from, from + group)) {
      const body = JSON.stringify(items);
      statements.order.run(key, body);
      statements.saga.run(key, body, '[]');
      for (const { productId, quantity } of items) statements.take.run(quantity, quantity, productId, quantity);
      statements.reserve.run(key, body);
      statements.intend.run(key, body);
      statements.settle.run(key);
      statements.paid.run(key, 1);
      statements.step.run('[1]', key);
      statements.step.run('[1, 2]', key);
      for (const insert of keyed) insert.run('operation', key, 'fingerprint', '{}');
      for (const [insert, remove] of event) {
        const { lastInsertRowid } = insert.run(body.slice(0, 300));
        statements.log.run(body.slice(0, 300));
        remove.run(lastInsertRowid);
      }
    }
    for (const file of files) file.exec('commit');
  }
  const seconds = (performance.now() - began) / 1000;
  for (const file of files) file.close();
  rmSync(dir, { recursive: true, force: true });
  return orders / seconds;
}

interface Profile {
  readonly nodes: readonly { readonly id: number; readonly callFrame: { readonly url: string; readonly functionName: string } }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

/** Returns the shares of CPU time by module, without idle time. */
async function profile(): Promise<string> {
  const dir = folder();
  await settled(`--cpu-prof --cpu-prof-dir=${dir}`);
  const shares = new Map<string, number>();
  const files = readdirSync(dir).filter((name) => name.endsWith('.cpuprofile'));
  const profiles = files.map((name) => JSON.parse(readFileSync(join(dir, name), 'utf8')) as Profile);
  // The child process, the card processor, has the smaller one.
  const largest = profiles.sort((a, b) => b.nodes.length - a.nodes.length)[0] as Profile;
  const place = new Map(largest.nodes.map(({ id, callFrame: { url, functionName } }) => [id, placeOf(url, functionName)]));
  largest.samples.forEach((id, index) => {
    const where = place.get(id) as string;
    shares.set(where, (shares.get(where) ?? 0) + (largest.timeDeltas[index] ?? 0));
  });
  rmSync(dir, { recursive: true, force: true });
  shares.delete('idle');
  const total = [...shares.values()].reduce((sum, value) => sum + value, 0);
  return [...shares]
    .sort((a, b) => b[1] - a[1])
    .filter(([, time]) => time / total > 0.01)
    .map(([where, time]) => `${where} ${Math.round((100 * time) / total)} %`)
    .join(', ');
}

function placeOf(url: string, name: string): string {
  if (name === '(idle)') return 'idle';
  if (name === '(garbage collector)') return 'garbage collection';
  if (name === '(program)') return 'native code';
  const module = /packages\/seaworthy\/src\/(\w+)/.exec(url)?.[1];
  if (module) return module;
  const library = /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1];
  if (library) return library;
  if (url.includes('examples/shop')) return 'the shop itself';
  return url === '' ? 'built-in functions (SQLite, JSON)' : 'node';
}

const where = await profile();
await bench(
  'shop',
  [
    {
      metric: 'settled orders',
      unit: 'orders/s',
      higher: true,
      ours: () => settled(),
      peers: {},
      limit: { name: 'same rows and fsyncs by hand', run: byHand },
    },
  ],
  {
    rounds: 5,
    notes: () => [
      `${orders} orders of ${lines} lines after ${warming} that are not measured, ${concurrency} at one time, synchronous=FULL, client and card processor on the same machine.`,
      `Commits an order: ${(commits.reduce((sum, one) => sum + one, 0) / commits.length).toFixed(2)}, over the four databases of the shop.`,
      `Where the shop's process spends its time: ${where}.`,
    ],
  },
);
