import { parseJson } from '../core/parse-json.ts';
import { keptTrace, type TraceContext } from '../core/trace.ts';
import { type Aside, readable } from '../store/damaged.ts';
import { isDue } from '../store/due.ts';
import { type Most, readSome } from '../store/read-some.ts';
import type { Migration, Read, Row, Tx } from '../store/store.ts';
import type { DeadOwner } from '../store/worker.ts';
import { type Keyed, sameOrThrow } from './idempotency.ts';
import { stepOf } from './tombstone.ts';

/** What an external command has committed itself to, until its outcome is committed too. */
export interface Intent extends Keyed {
  readonly input: unknown;
  /** What `before` returned. */
  readonly intent: unknown;
  readonly since: number;
  /** Runs of `do` that gave no outcome. */
  readonly attempts: number;
  /** Of the call that intended it. */
  readonly trace: TraceContext | undefined;
}

export const intentMigrations: readonly Migration[] = [
  {
    name: 'seaworthy/intent/1',
    statements: [
      `create table sw_intent (
        operation text not null, idempotency_key text not null, fingerprint text not null, input text not null, intent text not null,
        since bigint not null, attempts integer not null, due bigint not null, owner text not null, trace text, step text,
        takeovers integer not null default 0,
        primary key (operation, idempotency_key))`,
      'create index sw_intent_due on sw_intent (due)',
      // Whoever undoes a step asks whether it has one.
      'create index sw_intent_step on sw_intent (step)',
    ],
  },
];

const columns = 'operation, idempotency_key, fingerprint, input, intent, since, attempts, trace';

function number(row: Row, column: string): number {
  const value = row[column];
  if (typeof value !== 'number') throw new TypeError(`its column ${column} is no number`);
  return value;
}

function intentOf(row: Row): Intent {
  return {
    operation: String(row['operation']),
    key: String(row['idempotency_key']),
    fingerprint: String(row['fingerprint']),
    input: parseJson(String(row['input'])),
    intent: parseJson(String(row['intent'])),
    since: number(row, 'since'),
    attempts: number(row, 'attempts'),
    trace: keptTrace(row['trace']),
  };
}

/** Due for a repeat only at `due`: until then its owner is at it. */
export async function keep(tx: Tx, intent: Intent, owner: string, due: number): Promise<void> {
  const { operation, key, fingerprint, input, since, trace } = intent;
  await tx.run(
    `insert into sw_intent (${columns}, due, owner, step) values (?, ?, ?, ?, ?, ?, 0, ?, ?, ?, ?)`,
    operation,
    key,
    fingerprint,
    JSON.stringify(input),
    JSON.stringify(intent.intent ?? null),
    since,
    trace && JSON.stringify(trace),
    due,
    owner,
    stepOf(key),
  );
}

/** One worker of the service's database, which others can tell is alive. Its id in a row is the fence of what it writes. */
export interface Owner {
  readonly id: string;
  dead(): DeadOwner;
}

export const markOf = ({ operation, key }: Keyed): string => `${operation} ${key}`;

/** What became of those who had an intent in hand. */
export interface Lives {
  /** Whether its owner is another one than who asks. */
  readonly taken: boolean;
  /** How often it has changed hands since a run of `do` ended, this time included. */
  readonly takeovers: number;
}

function livesOf(row: Row, owner: string): Lives {
  const taken = row['owner'] !== owner;
  return { taken, takeovers: number(row, 'takeovers') + (taken ? 1 : 0) };
}

/** The intent of an earlier call under the same key, and whether `owner` may drive it. Throws `KeyReused` for another payload. */
export async function openIntent(
  tx: Tx,
  call: Keyed,
  dead: DeadOwner,
  owner: string,
): Promise<(Lives & { readonly intent: Intent; readonly free: boolean; readonly due: number }) | undefined> {
  const [row] = await tx.all(
    `select ${columns}, owner, due, takeovers, case when owner = ? or ${dead.sql} then 1 else 0 end as free from sw_intent where operation = ? and idempotency_key = ?`,
    owner,
    ...dead.values,
    call.operation,
    call.key,
  );
  if (!row) return undefined;
  sameOrThrow(call, row['fingerprint']);
  return readable('sw_intent', markOf(call), () => {
    return { intent: intentOf(row), free: Number(row['free']) === 1, due: number(row, 'due'), ...livesOf(row, owner) };
  });
}

/** Removes the intent, if it still belongs to `owner`: whoever does so commits the outcome. */
export async function settle(tx: Tx, intent: Keyed, owner: string): Promise<boolean> {
  const { changes } = await tx.run(
    'delete from sw_intent where operation = ? and idempotency_key = ? and owner = ?',
    intent.operation,
    intent.key,
    owner,
  );
  return changes > 0;
}

/** Counts a run without an outcome; the next one is due then. */
export async function postpone(tx: Tx, intent: Keyed, owner: string, due: number): Promise<void> {
  await tx.run(
    'update sw_intent set attempts = attempts + 1, takeovers = 0, due = ? where operation = ? and idempotency_key = ? and owner = ?',
    due,
    intent.operation,
    intent.key,
    owner,
  );
}

/** It is this owner's now, who is at it until `due`. */
export async function take(tx: Tx, intent: Keyed, owner: string, due: number): Promise<void> {
  await tx.run(
    `update sw_intent set takeovers = takeovers + case when owner = ? then 0 else 1 end, owner = ?, due = ? where operation = ? and idempotency_key = ?`,
    owner,
    owner,
    due,
    intent.operation,
    intent.key,
  );
}

interface Due {
  readonly now: number;
  /** Nobody is given longer. */
  readonly longestMs: number;
  readonly dead: DeadOwner;
  readonly owner: string;
  readonly most: Most;
  /** Of intents that cannot be read. */
  readonly aside: Aside;
}

interface Found extends Lives {
  readonly intent: Intent;
  readonly bytes: number;
}

/** The first intents of these operations, oldest first, that are this owner's and due, or whose owner is dead. */
export async function dueIntents(
  read: Read,
  operations: readonly string[],
  { now, longestMs, dead, owner, most, aside }: Due,
): Promise<readonly Found[]> {
  const due = isDue(now, longestMs);
  // What cannot be read takes no room from what can.
  const size = 'case when json_valid(input) and json_valid(intent) then octet_length(input) + octet_length(intent) else 0 end';
  const selection = {
    columns: `${columns}, owner, takeovers, ${size} as size`,
    size,
    from: `sw_intent
      where operation in (${operations.map(() => '?').join()}) and ((${due.sql} and owner = ?) or ${dead.sql}) order by due`,
    values: [...operations, ...due.values, owner, ...dead.values],
  };
  const { rows } = await readSome(read, selection, { ...most, rows: most.rows + aside.size });
  return aside
    .read(
      rows,
      ({ operation, idempotency_key: key }) => `${operation} ${key}`,
      (row) => ({ intent: intentOf(row), bytes: Number(row['size']), ...livesOf(row, owner) }),
    )
    .slice(0, most.rows);
}
