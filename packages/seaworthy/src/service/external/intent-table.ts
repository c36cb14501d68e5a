import { parseJson } from '../../core/parse-json.ts';
import { keptTrace, type TraceContext } from '../../core/trace.ts';
import { type Aside, readable } from '../../store/damaged.ts';
import type { Dialect } from '../../store/dialect.ts';
import { dueAt, isDue } from '../../store/due.ts';
import { type Most, readSome } from '../../store/read-some.ts';
import type { Migration, Read, Row, Tx, Value } from '../../store/store.ts';
import { crashed, type DeadOwner } from '../../store/worker.ts';
import { type Keyed, sameOrThrow } from '../idempotency.ts';
import { stepOf } from '../tombstone.ts';

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

/**
 * Of an intent that may be what kills its processes: so many died while they drove it. One death blames all that the process had in hand;
 * what was in hand at two is driven alone, so that the next death says which one it was.
 */
export const suspect = 'crashes >= 2';
export const isSuspect = (crashes: number): boolean => crashes >= 2;

export const intentMigrations: readonly Migration[] = [
  {
    name: 'seaworthy/intent/1',
    statements: ({ types: { integer, key, text }, tableOptions, partialIndex }) => [
      `create table sw_intent (
        operation ${key} not null, idempotency_key ${key} not null, fingerprint ${text} not null, input ${text} not null,
        intent ${text} not null, since ${integer} not null, attempts ${integer} not null, due ${integer} not null, owner ${key} not null,
        trace ${text}, step ${key},
        in_hand ${integer} not null default 0, crashes ${integer} not null default 0, primary key (operation, idempotency_key))${tableOptions}`,
      'create index sw_intent_due on sw_intent (due)',
      `create index sw_intent_suspect on sw_intent (due)${partialIndex(suspect)}`,
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
    `insert into sw_intent (${columns}, due, owner, step, in_hand) values (?, ?, ?, ?, ?, ?, 0, ?, ?, ?, ?, 1)`,
    operation,
    key,
    fingerprint,
    JSON.stringify(input),
    JSON.stringify(intent.intent ?? null),
    since,
    trace && JSON.stringify(trace),
    dueAt(due),
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

/** What became of the processes that drove an intent. */
export interface Deaths {
  /** How many died while they drove it, since a run of `do` last ended. */
  readonly crashes: number;
  /** Whether the last that drove it never came to an end of it. */
  readonly inHand: boolean;
}

const deathColumns = `owner, in_hand, crashes, case when ${crashed} then 1 else 0 end as crashed`;

function deathsOf(row: Row, owner: string): Deaths {
  const crashes = number(row, 'crashes');
  const inHand = row['in_hand'] === 1;
  // A suspect's death was written before its run.
  const died = inHand && !isSuspect(crashes) && row['owner'] !== owner && row['crashed'] === 1;
  return { inHand, crashes: died ? crashes + 1 : crashes };
}

/** The intent of an earlier call under the same key, and whether `owner` may drive it. Throws `KeyReused` for another payload. */
export async function openIntent(
  tx: Tx,
  call: Keyed,
  dead: DeadOwner,
  owner: string,
): Promise<(Deaths & { readonly intent: Intent; readonly free: boolean }) | undefined> {
  const [row] = await tx.all(
    `select ${columns}, ${deathColumns}, case when owner = ? or ${dead.sql} then 1 else 0 end as free
      from sw_intent where operation = ? and idempotency_key = ?`,
    owner,
    ...dead.values,
    call.operation,
    call.key,
  );
  if (!row) return undefined;
  sameOrThrow(call, row['fingerprint']);
  return readable('sw_intent', markOf(call), () => {
    return { intent: intentOf(row), free: Number(row['free']) === 1, ...deathsOf(row, owner) };
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
    'update sw_intent set attempts = attempts + 1, crashes = 0, in_hand = 0, due = ? where operation = ? and idempotency_key = ? and owner = ?',
    dueAt(due),
    intent.operation,
    intent.key,
    owner,
  );
}

/** It is this owner's now, who is at it until `due`. */
export async function take(tx: Tx, intent: Keyed, owner: string, due: number, crashes: number): Promise<void> {
  await tx.run(
    'update sw_intent set owner = ?, due = ?, crashes = ?, in_hand = 1 where operation = ? and idempotency_key = ?',
    owner,
    dueAt(due),
    crashes,
    intent.operation,
    intent.key,
  );
}

/** It is this owner's now, who drives it alone once it is due. */
export async function hold(tx: Tx, intent: Keyed, owner: string, due: number, crashes: number): Promise<void> {
  await tx.run(
    'update sw_intent set owner = ?, due = ?, crashes = ?, in_hand = 0 where operation = ? and idempotency_key = ?',
    owner,
    dueAt(due),
    crashes,
    intent.operation,
    intent.key,
  );
}

/** Takes back the death that was written before a run, if that run has come to no end of it and the process lives. */
export async function takeDeathBack(tx: Tx, intent: Keyed, owner: string, due: number, crashes: number): Promise<void> {
  await tx.run(
    `update sw_intent set crashes = crashes - 1, in_hand = 0, due = ?
      where operation = ? and idempotency_key = ? and owner = ? and in_hand = 1 and crashes = ?`,
    dueAt(due),
    intent.operation,
    intent.key,
    owner,
    crashes,
  );
}

/** How many intents may be what kills their processes. */
export async function countSuspects(read: Read): Promise<number> {
  const [row] = await read.all(`select count(*) as n from sw_intent where ${suspect}`);
  return Number(row?.['n']);
}

interface Due {
  readonly dialect: Dialect;
  readonly now: number;
  /** Nobody is given longer. */
  readonly longestMs: number;
  readonly dead: DeadOwner;
  readonly owner: string;
  readonly most: Most;
  /** Of intents that cannot be read. */
  readonly aside: Aside;
}

interface Found extends Deaths {
  readonly intent: Intent;
  readonly bytes: number;
}

/** The bytes of an intent. One that cannot be read takes no room from those that can. */
const sizeIn = ({ isJson }: Dialect): string =>
  `case when ${isJson('input')} and ${isJson('intent')} then octet_length(input) + octet_length(intent) else 0 end`;

/** The first intents of these operations that `which` selects. */
async function found(
  read: Read,
  which: string,
  values: readonly Value[],
  { dialect, owner, most, aside }: Pick<Due, 'dialect' | 'owner' | 'most' | 'aside'>,
): Promise<readonly Found[]> {
  const size = sizeIn(dialect);
  const selection = { columns: `${columns}, ${deathColumns}, ${size} as size`, size, from: `sw_intent where ${which}`, values };
  const { rows } = await readSome(read, selection, { ...most, rows: most.rows + aside.size });
  return aside
    .read(
      rows,
      ({ operation, idempotency_key: key }) => `${operation} ${key}`,
      (row) => ({ intent: intentOf(row), bytes: Number(row['size']), ...deathsOf(row, owner) }),
    )
    .slice(0, most.rows);
}

const oneOf = (operations: readonly string[]): string => `operation in (${operations.map(() => '?').join()})`;

/** The first intents of these operations, oldest first, that are this owner's and due, or whose owner is dead; but no suspects. */
export function dueIntents(read: Read, operations: readonly string[], looking: Due): Promise<readonly Found[]> {
  const { now, longestMs, dead, owner } = looking;
  const due = isDue(now, longestMs);
  return found(
    read,
    `${oneOf(operations)} and not ${suspect} and ((${due.sql} and owner = ?) or ${dead.sql}) order by due`,
    [...operations, ...due.values, owner, ...dead.values],
    looking,
  );
}

/** The suspects of these operations, those with the fewest deaths first, that are due, or whose owner died while it drove them. */
export function dueSuspects(read: Read, operations: readonly string[], looking: Due): Promise<readonly Found[]> {
  const { now, longestMs, dead, owner } = looking;
  const due = isDue(now, longestMs);
  return found(
    read,
    `${oneOf(operations)} and ${suspect} and ((in_hand = 1 and ${dead.sql}) or (${due.sql} and (owner = ? or ${dead.sql})))
      order by crashes, due`,
    [...operations, ...dead.values, ...due.values, owner, ...dead.values],
    looking,
  );
}
