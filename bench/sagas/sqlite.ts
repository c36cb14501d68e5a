import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync, type SQLOutputValue, type StatementSync } from 'node:sqlite';
import { runtime } from 'seaworthy/core';
import { sqlite } from 'seaworthy/store/sqlite';
import { type Figures, median, type Task } from '../shared/workload.ts';
import { steps } from './steps.ts';
import { openTrips } from './trips.ts';

/** The rows of `all` sagas on SQLite: by the toolkit, by its store alone, and by hand. */
const folder = (): string => mkdtempSync(join(tmpdir(), 'seaworthy-bench-'));

/** Runs the sagas of a task on the toolkit in a new folder. Returns the commits of each as well. */
export async function bySagas(task: Task): Promise<Figures & { readonly commits: number }> {
  const dir = folder();
  const trips = await openTrips({ dir });
  try {
    const before = trips.counted('seaworthy_store_commits_total');
    const figures = await trips.run(task);
    return { ...figures, commits: (trips.counted('seaworthy_store_commits_total') - before) / task.count };
  } finally {
    await trips.stop();
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
  const trips = await openTrips({ dir });
  await trips.run({ count: 1, atOnce: 1 });
  const database = new DatabaseSync(join(dir, 'trips.db'));
  const one = (sql: string): Sample['saga'] => database.prepare(sql).get() as Sample['saga'];
  const made = database.prepare("select sql from sqlite_master where sql is not null and tbl_name in ('sw_saga', 'sw_idempotency')").all();
  const [saga, record] = [one('select * from sw_saga'), one('select * from sw_idempotency')];
  const journal = JSON.parse(String(saga['journal'])) as readonly { readonly step: string; readonly began: number }[];
  const journals = journal.map((_, at) => {
    const next = journal[at + 1];
    return JSON.stringify([...journal.slice(0, at + 1), ...(next ? [{ began: next.began, step: next.step, state: 'intended' }] : [])]);
  });
  database.close();
  await trips.stop();
  rmSync(dir, { recursive: true, force: true });
  return { schema: made.map(({ sql }) => String(sql)), saga, record, journals };
}

const sample = await sampled();
const idsOf = (all: number): string[] =>
  Array.from({ length: all }, (_, index) => `019ac000-0000-7000-8000-${String(index).padStart(12, '0')}`);

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
export function byHand(all: number, group: number): { readonly rate: number; readonly p50: number } {
  const dir = folder();
  const database = new DatabaseSync(join(dir, 'trips.db'));
  database.exec(`pragma journal_mode = wal; pragma synchronous = full; ${sample.schema.join('; ')}`);
  const statements = Object.fromEntries(Object.entries(sql).map(([name, text]) => [name, database.prepare(text)]));
  const { begin, keep, step, end } = statements as Readonly<Record<keyof typeof sql, StatementSync>>;
  const line = idsOf(all);
  const took: number[] = [];
  const from = performance.now();
  for (let next = 0; next < all; next += group) {
    const ids = line.slice(next, next + group);
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
export async function byStore(all: number, atOnce: number): Promise<number> {
  const dir = folder();
  const store = await sqlite({ dir }).open('trips', runtime());
  await store.migrate([{ name: 'trips/1', statements: sample.schema }]);
  const line = idsOf(all);
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
