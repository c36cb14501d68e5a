import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import pg from 'pg';
import { postgres } from 'seaworthy/store/postgres';
import { serve } from '../shared/contestant.ts';
import { administer } from '../shared/postgres.ts';
import { type Figures, type Task, workload } from '../shared/workload.ts';
import { openTrips } from './trips.ts';

/**
 * The rows that the toolkit writes for each saga, written by hand: with a commit for each transition as its journal needs, or with one
 * for each transition of all sagas in flight.
 */
const [, , url, manner] = process.argv as unknown as readonly [string, string, string, 'commits' | 'batched'];

type Column = string | number | null;
type Row = Readonly<Record<string, Column>>;

/** What one saga of the toolkit writes: the answer to its command, and its row after each transition. */
interface Sample {
  readonly record: Row;
  readonly rows: readonly Row[];
}

const kinds = ['done', 'compensated'] as const;

/** Runs one saga of each kind on the toolkit and keeps what it writes; its tables are empty afterwards. */
async function sampled(): Promise<Readonly<Record<(typeof kinds)[number], Sample>>> {
  const dir = mkdtempSync(join(tmpdir(), 'seaworthy-bench-'));
  const trips = await openTrips({ dir, store: postgres({ url }) });
  await administer(
    [
      'create table sample (seq bigint generated always as identity, line json)',
      `create function keep() returns trigger language plpgsql as 'begin insert into public.sample (line) values (row_to_json(new)); return null; end'`,
      'create trigger keep after insert or update on trips.sw_saga for each row execute function keep()',
    ],
    url,
  );
  const samples = new Map<string, Sample>();
  for (const kind of kinds) {
    await trips.run({ count: 1, atOnce: 1, compensated: kind === 'compensated' });
    const lines = await administer(['select line from sample order by seq'], url);
    const [record] = await administer(['select row_to_json(r) as line from trips.sw_idempotency r'], url);
    await administer(['truncate sample, trips.sw_idempotency, trips.sw_saga'], url);
    samples.set(kind, { record: record?.['line'] as Row, rows: lines.map(({ line }) => line as Row) });
  }
  await trips.stop();
  rmSync(dir, { recursive: true, force: true });
  await administer(['drop table sample', 'drop function keep cascade', 'analyze trips.sw_saga', 'analyze trips.sw_idempotency'], url);
  return Object.fromEntries(samples) as Readonly<Record<(typeof kinds)[number], Sample>>;
}

/** Rows to write: one row of one saga for each id. */
interface Write {
  readonly name: string;
  readonly single: string;
  readonly batched: string;
  readonly columns: readonly string[];
  readonly row: (id: string) => Row;
}

const keys = new Set(['id', 'saga_key', 'version']);
const typeOf = (column: string, row: Row): string => `${typeof row[column] === 'number' ? 'bigint' : 'text'}[]`;
const marks = (columns: readonly string[], from = 1): readonly string[] => columns.map((_, index) => `$${from + index}`);
const arrays = (columns: readonly string[], row: Row): string =>
  `unnest(${columns.map((column, index) => `$${index + 1}::${typeOf(column, row)}`)})`;

function insertion(table: string, row: Row, key: readonly string[]): Write {
  const columns = Object.keys(row).filter((column) => row[column] !== null);
  const into = `insert into trips.${table} (${columns})`;
  return {
    name: table,
    columns,
    single: `${into} values (${marks(columns)})`,
    batched: `${into} select * from ${arrays(columns, row)}`,
    row: (id) => ({ ...row, ...Object.fromEntries(key.map((column) => [column, id])) }),
  };
}

/** A transition of sagas that are as their owner saw them. */
function transition(before: Row, after: Row): Write {
  const changed = Object.keys(after).filter((column) => !keys.has(column) && after[column] !== before[column]);
  const fence = ['id', 'owner', 'version'];
  const columns = [...fence, ...changed];
  const row = { ...after, version: before['version'] as number };
  const set = changed.map((column, index) => `${column} = $${fence.length + 1 + index}`);
  const sets = changed.map((column) => `${column} = n.${column}`);
  return {
    name: `move ${changed}`,
    columns,
    single: `update trips.sw_saga set version = version + 1, ${set} where id = $1 and owner = $2 and version = $3`,
    batched: `update trips.sw_saga s set version = s.version + 1, ${sets} from ${arrays(columns, row)} n (${columns})
      where s.id = n.id and s.owner = n.owner and s.version = n.version`,
    row: (id) => ({ ...row, id }),
  };
}

/** What is written in each commit of a saga, in order. */
const commitsOf = ({ record, rows }: Sample): readonly (readonly Write[])[] => [
  [insertion('sw_saga', rows[0] as Row, ['id', 'saga_key']), insertion('sw_idempotency', record, ['idempotency_key'])],
  ...rows.slice(1).map((after, index) => [transition(rows[index] as Row, after)]),
];

const queryOf = ({ name, single, batched, columns, row }: Write, ids: readonly string[]): pg.QueryConfig => {
  const rows = ids.map(row);
  return manner === 'commits'
    ? { name, text: single, values: columns.map((column) => rows[0]?.[column]) }
    : { name, text: batched, values: columns.map((column) => rows.map((one) => one[column])) };
};

/** Writes in one transaction, and sends it in one write. */
async function commit(client: pg.PoolClient, writes: readonly Write[], ids: readonly string[]): Promise<void> {
  const { stream } = (client as unknown as { readonly connection: { readonly stream: Writable } }).connection;
  stream.cork();
  const begun = writes.length > 1 ? client.query('begin') : undefined;
  const written = writes.map((write) => client.query(queryOf(write, ids)));
  const committed = writes.length > 1 ? client.query('commit') : undefined;
  stream.uncork();
  const results = await Promise.all([Promise.all(written), begun, committed]);
  if (results[0].some(({ rowCount }) => rowCount !== ids.length)) throw new Error('a row was not written');
}

interface Waiting {
  readonly id: string;
  readonly resolve: () => void;
}

await serve<Task, Figures>(async () => {
  const samples = await sampled();
  const pool = new pg.Pool({ connectionString: url, max: manner === 'commits' ? 16 : 4, pipeline: true } as pg.PoolConfig);
  const plans = { done: commitsOf(samples.done), compensated: commitsOf(samples.compensated) };
  /** The sagas that wait for one commit each, by its number. */
  const queues = new Map<readonly Write[], { waiting: Waiting[]; busy: boolean }>();

  async function alone(writes: readonly Write[], id: string): Promise<void> {
    const client = await pool.connect();
    try {
      await commit(client, writes, [id]);
    } finally {
      client.release();
    }
  }

  function together(writes: readonly Write[], id: string): Promise<void> {
    const queue = queues.get(writes) ?? { waiting: [], busy: false };
    queues.set(writes, queue);
    const drain = async (): Promise<void> => {
      queue.busy = true;
      // Those that are about to ask join.
      await new Promise((resolve) => setImmediate(resolve));
      const client = await pool.connect();
      while (queue.waiting.length > 0) {
        const some = queue.waiting.splice(0);
        await commit(
          client,
          writes,
          some.map((one) => one.id),
        );
        for (const { resolve } of some) resolve();
      }
      client.release();
      queue.busy = false;
    };
    return new Promise((resolve) => {
      queue.waiting.push({ id, resolve });
      if (!queue.busy) void drain();
    });
  }

  let first = 0;
  return {
    run(task) {
      const from = first;
      first += task.count;
      const plan = plans[task.compensated ? 'compensated' : 'done'];
      return workload(task, async (index) => {
        const id = `019ac000-0000-7000-8000-${String(from + index).padStart(12, '0')}`;
        for (const writes of plan) await (manner === 'commits' ? alone(writes, id) : together(writes, id));
      });
    },
    stop: () => pool.end(),
  };
});
