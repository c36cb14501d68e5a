import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync, type SQLOutputValue, type StatementSync } from 'node:sqlite';
import { command, contract } from 'seaworthy/contract';
import { runtime, silent } from 'seaworthy/core';
import { fleet, start } from 'seaworthy/fleet';
import { saga } from 'seaworthy/saga';
import { service } from 'seaworthy/service';
import { sqlite } from 'seaworthy/store/sqlite';
import { z } from 'zod';
import { bench } from './harness.ts';

const count = 3000;
const alone = 400;
const concurrency = 64;
const steps = ['flight', 'hotel', 'car', 'mail'] as const;

const trips = contract('trips', { book: command({ http: 'POST /trips', input: z.object({ id: z.string() }) }) });
const done = async ({ input }: { readonly input: { readonly id: string } }): Promise<{ readonly ticket: string }> => ({
  ticket: `t-${input.id}`,
});
const undo = async (): Promise<void> => {};
const bookTrip = saga(trips, 'book-trip', { input: z.object({ id: z.string() }), uses: [] })
  .step('flight', { do: done, undo })
  .step('hotel', { do: done, undo })
  .step('car', { do: done, undo })
  .step('mail', { do: done, undo });
const bookings = service(trips, {
  sagas: [bookTrip],
  handlers: { book: async ({ input, start: begin }) => void begin(bookTrip, input) },
});

const folder = (): string => mkdtempSync(join(tmpdir(), 'seaworthy-bench-'));
const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] as number;
const perSaga: number[] = [];

/** Starts `all` sagas by one command each, a fixed number at one time, and waits until all have ended. */
async function ours(all: number, atOnce: number): Promise<{ readonly rate: number; readonly p50: number }> {
  const dir = folder();
  let commits = 0;
  const began = new Map<string, number>();
  const took: number[] = [];
  const waiting: (() => void)[] = [];
  const observe = {
    ...silent,
    count(name: string, _attributes?: unknown, by = 1) {
      if (name === 'seaworthy_store_commits_total') commits += by;
      if (name === 'seaworthy_saga_ended_total') waiting.shift()?.();
    },
  };
  const running = await start(fleet({ services: [bookings] }), { dir, runtime: runtime({ observe }) });
  try {
    let next = 0;
    const one = async (): Promise<void> => {
      for (let id = next++; id < all; id = next++) {
        const from = performance.now();
        began.set(String(id), from);
        const ended = new Promise<void>((resolve) => waiting.push(resolve));
        await running.call(trips.book, { id: String(id) }, { key: String(id) });
        await ended;
        took.push(performance.now() - from);
      }
    };
    const before = commits;
    const from = performance.now();
    await Promise.all(Array.from({ length: atOnce }, one));
    const seconds = (performance.now() - from) / 1000;
    if (atOnce > 1) perSaga.push((commits - before) / all);
    return { rate: all / seconds, p50: median(took) };
  } finally {
    await running.stop();
    rmSync(dir, { recursive: true, force: true });
  }
}

interface Sample {
  /** The tables and indexes of the toolkit. */
  readonly schema: readonly string[];
  readonly saga: Readonly<Record<string, SQLOutputValue>>;
  readonly record: Readonly<Record<string, SQLOutputValue>>;
  /** The journal after each step. */
  readonly journals: readonly string[];
}

/** The rows that one saga of the toolkit writes. */
async function sampled(): Promise<Sample> {
  const dir = folder();
  const running = await start(fleet({ services: [bookings] }), { dir });
  await running.call(trips.book, { id: '1' }, { key: '1' });
  const database = new DatabaseSync(join(dir, 'trips.db'));
  const one = (sql: string): Sample['saga'] | undefined => database.prepare(sql).get();
  while (!one("select 1 from sw_saga where state = 'done'")) await new Promise((resolve) => setTimeout(resolve, 5));
  const made = database.prepare("select sql from sqlite_master where sql is not null and tbl_name in ('sw_saga', 'sw_idempotency')").all();
  const [saga, record] = [one('select * from sw_saga') as Sample['saga'], one('select * from sw_idempotency') as Sample['saga']];
  const journal = JSON.parse(String(saga['journal'])) as readonly { readonly step: string; readonly began: number }[];
  const journals = journal.map((_, at) => {
    const next = journal[at + 1];
    return JSON.stringify([...journal.slice(0, at + 1), ...(next ? [{ began: next.began, step: next.step, state: 'intended' }] : [])]);
  });
  database.close();
  await running.stop();
  rmSync(dir, { recursive: true, force: true });
  return { schema: made.map(({ sql }) => String(sql)), saga, record, journals };
}

const sample = await sampled();
const uuids = Array.from({ length: count }, (_, index) => `019ac000-0000-7000-8000-${String(index).padStart(12, '0')}`);

const { saga: sagaRow, record, journals } = sample;
const inserting = (table: string, row: Sample['saga']): string =>
  `insert into ${table} (${Object.keys(row).join()}) values (${Object.keys(row).map(() => '?')})`;
const move = 'update sw_saga set version = version + 1, journal = ?, changed = ?';
const mine = 'where id = ? and owner = ? and version = ? and stopping is null';
const sql = {
  begin: inserting('sw_saga', sagaRow),
  keep: inserting('sw_idempotency', record),
  step: `${move} ${mine}`,
  end: `${move}, state = 'done' ${mine}`,
} as const;
type Value = string | number | null;
const first = JSON.stringify([{ began: 1_764_000_000_000, step: steps[0], state: 'intended' }]);
const begun = (id: string): Value[] =>
  Object.values({ ...sagaRow, id, saga_key: id, state: 'running', version: 0, journal: first }) as Value[];
const kept = (id: string): Value[] => Object.values({ ...record, idempotency_key: id }) as Value[];
const moved = (id: string, version: number): Value[] => [
  journals[version] as string,
  1_764_000_000_000,
  id,
  String(sagaRow['owner']),
  version,
];
const moveOf = (version: number): 'step' | 'end' => (version === steps.length - 1 ? 'end' : 'step');

function checkAll(database: DatabaseSync, all: number): void {
  const done = database.prepare("select count(*) as n from sw_saga where state = 'done'").get()?.['n'];
  if (Number(done) !== all) throw new Error('the sagas by hand were not written');
}

/** Writes the same rows of `all` sagas by hand in the same number of commits: a synchronous loop over prepared statements. */
function byHand(all: number, group: number): { readonly rate: number; readonly p50: number } {
  const dir = folder();
  const database = new DatabaseSync(join(dir, 'trips.db'));
  database.exec(`pragma journal_mode = wal; pragma synchronous = full; ${sample.schema.join('; ')}`);
  const statements = Object.fromEntries(Object.entries(sql).map(([name, text]) => [name, database.prepare(text)]));
  const { begin, keep, step, end } = statements as Readonly<Record<keyof typeof sql, StatementSync>>;
  const took: number[] = [];
  const from = performance.now();
  for (let next = 0; next < all; next += group) {
    const ids = uuids.slice(next, Math.min(next + group, all));
    const at = performance.now();
    const commit = (work: (id: string) => void): void => {
      database.exec('begin immediate');
      for (const id of ids) work(id);
      database.exec('commit');
    };
    commit((id) => {
      begin.run(...begun(id));
      keep.run(...kept(id));
    });
    for (const version of journals.keys()) commit((id) => (moveOf(version) === 'end' ? end : step).run(...moved(id, version)));
    took.push(performance.now() - at);
  }
  const seconds = (performance.now() - from) / 1000;
  checkAll(database, all);
  database.close();
  rmSync(dir, { recursive: true, force: true });
  return { rate: all / seconds, p50: median(took) };
}

/** Writes the same rows through the toolkit's store alone: without contract, call, timeout, trace and recovery. */
async function byStore(all: number, atOnce: number): Promise<number> {
  const dir = folder();
  const store = await sqlite({ dir }).open('trips', runtime());
  await store.migrate([{ name: 'trips/1', statements: sample.schema }]);
  const line = uuids.slice(0, all);
  const one = async (): Promise<void> => {
    for (let id = line.pop(); id !== undefined; id = line.pop()) {
      const at = id;
      await store.transaction(async (tx) => {
        await tx.run(sql.begin, ...begun(at));
        await tx.run(sql.keep, ...kept(at));
      });
      for (const version of journals.keys()) await store.transaction((tx) => tx.run(sql[moveOf(version)], ...moved(at, version)));
    }
  };
  const from = performance.now();
  await Promise.all(Array.from({ length: atOnce }, one));
  const seconds = (performance.now() - from) / 1000;
  await store.close();
  const database = new DatabaseSync(join(dir, 'trips.db'));
  checkAll(database, all);
  database.close();
  rmSync(dir, { recursive: true, force: true });
  return all / seconds;
}

// A service that is open runs compiled code, as the floor does from its first row on.
await ours(count, concurrency);
perSaga.length = 0;
const groupOf = (): number => Math.max(1, Math.round((1 + steps.length) / median(perSaga)));
await bench(
  'saga',
  [
    {
      metric: 'sagas per second',
      unit: '1/s',
      higher: true,
      ours: async () => (await ours(count, concurrency)).rate,
      peers: {},
      limit: { name: 'same rows and fsyncs by hand', run: () => byHand(count, groupOf()).rate },
    },
    {
      metric: 'their rows by the store alone',
      unit: '1/s',
      higher: true,
      ours: () => byStore(count, concurrency),
      peers: {},
      limit: { name: 'same rows and fsyncs by hand', run: () => byHand(count, groupOf()).rate },
    },
    {
      metric: 'saga p50',
      unit: 'ms',
      ours: async () => (await ours(alone, 1)).p50,
      peers: {},
      limit: { name: 'same rows and fsyncs by hand', run: () => byHand(alone, 1).p50 },
    },
  ],
  {
    rounds: 5,
    notes: () => [
      `A command starts a saga of four steps whose work is nothing, ${concurrency} at one time, synchronous=FULL; p50: one at a time, from the command to the end of the saga.`,
      'By the store alone: the same transactions by a loop over it, with no contract, call, timeout, trace, retry or recovery.',
      `Commits a saga, ${concurrency} at one time: ${median(perSaga).toFixed(2)}.`,
    ],
  },
);
