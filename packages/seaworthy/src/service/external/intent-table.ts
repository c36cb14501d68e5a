import { parseJson } from '../../core/parse-json.ts';
import { keptTrace, type TraceContext } from '../../core/trace.ts';
import { readable } from '../../store/damaged.ts';
import { dueAt } from '../../store/due.ts';
import { ownedBy } from '../../store/fenced.ts';
import type { Migration, Read, Row, Tx } from '../../store/store.ts';
import { crashed, type Worker } from '../../store/worker.ts';
import { type KeyedCall, sameOrThrow } from '../idempotency.ts';
import { stepOf } from '../tombstone.ts';

/** What `before` of an external command committed. Its row lives until the outcome is committed. */
export interface Intent extends KeyedCall {
  readonly input: unknown;
  /** What `before` returned. */
  readonly intent: unknown;
  /** The time at which `before` ran, in milliseconds since the epoch. */
  readonly since: number;
  /** The number of runs of `do` that gave no outcome. */
  readonly attempts: number;
  /** The trace of the call. */
  readonly trace: TraceContext | undefined;
}

/**
 * The condition of a suspect, an intent that may be what kills its processes: two died while they had it in flight. One death blames all
 * that was in flight. What was in flight at two is run alone, so that the next death says which intent it was.
 */
export const suspect = 'crashes >= 2';
export const isSuspect = (crashes: number): boolean => crashes >= 2;

const index = { table: 'sw_intent' };

export const intentMigrations: readonly Migration[] = [
  {
    name: 'seaworthy/intent/1',
    statements: ({ types: { integer, key, text }, hotTableOptions, partialIndex }) => [
      `create table sw_intent (
        operation ${key} not null, idempotency_key ${key} not null, fingerprint ${text} not null, input ${text} not null,
        intent ${text} not null, since ${integer} not null, attempts ${integer} not null, due ${integer} not null, owner ${key} not null,
        trace ${text}, step ${key},
        in_flight ${integer} not null default 0, crashes ${integer} not null default 0, primary key (operation, idempotency_key))${hotTableOptions}`,
      'create index sw_intent_owner on sw_intent (owner, operation, due)',
      // What a dead worker had in flight is claimed first.
      ...partialIndex({ ...index, name: 'sw_intent_in_flight', columns: 'owner', where: 'in_flight = 1', whole: 'in_flight, owner' }),
      ...partialIndex({ ...index, name: 'sw_intent_suspect', columns: 'due', where: suspect, whole: 'crashes, due' }),
      // An undo asks whether its step has an intent.
      'create index sw_intent_step on sw_intent (step)',
    ],
  },
];

export const intentColumns = 'operation, idempotency_key, fingerprint, input, intent, since, attempts, trace';

function number(row: Row, column: string): number {
  const value = row[column];
  if (typeof value !== 'number') throw new TypeError(`the column ${column} is not a number`);
  return value;
}

export function intentOf(row: Row): Intent {
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

/** Inserts an intent with the commit. `owner` drives it until `due`. */
export function insertIntent(tx: Tx, intent: Intent, owner: string, due: number): void {
  const { operation, key, fingerprint, input, since, trace } = intent;
  tx.runAtCommit(
    `insert into sw_intent (${intentColumns}, due, owner, step, in_flight) values (?, ?, ?, ?, ?, ?, 0, ?, ?, ?, ?, 1)`,
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

/** The primary key of an intent. */
export type IntentKey = Pick<KeyedCall, 'operation' | 'key'>;

/** The worker of this process on the service's database. Its id in the column `owner` of a row is the fence of its writes. */
export type Owner = Pick<Worker, 'id' | 'term' | 'onTerm' | 'onGone' | 'dead' | 'isDead'>;

/** Returns the name of an intent in this process, in the log and in errors. */
export const markOf = ({ operation, key }: IntentKey): string => `${operation} ${key}`;

/** An intent of an earlier call under the same key. */
export interface OpenIntent {
  readonly intent: Intent;
  /** The worker that drives it, or did. */
  readonly owner: string;
  /** Whether the worker that asks may drive it. */
  readonly free: boolean;
  /** How many processes died while they had it in flight, since a run of `do` last ended. */
  readonly crashes: number;
}

/** Returns the intent of an earlier call under the same key, as `owner` sees it. Throws `KeyReused` for another input. */
export async function openIntent(read: Read, call: KeyedCall, owner: Owner): Promise<OpenIntent | undefined> {
  const dead = owner.dead();
  const [row] = await read.all(
    `select ${intentColumns}, owner, in_flight, crashes, case when ${crashed} then 1 else 0 end as crashed,
        case when owner = ? or ${dead.sql} then 1 else 0 end as free
      from sw_intent where operation = ? and idempotency_key = ?`,
    owner.id,
    ...dead.values,
    call.operation,
    call.key,
  );
  if (!row) return undefined;
  sameOrThrow(call, row['fingerprint']);
  return readable('sw_intent', markOf(call), () => {
    const crashes = number(row, 'crashes');
    // The death of a suspect was written before its run.
    const died = row['in_flight'] === 1 && !isSuspect(crashes) && row['owner'] !== owner.id && row['crashed'] === 1;
    const free = Number(row['free']) === 1;
    return { intent: intentOf(row), owner: String(row['owner']), free, crashes: died ? crashes + 1 : crashes };
  });
}

/** Gives an intent that was found open to `owner`, which drives it until `due`. Returns false when its row has changed hands since. */
export async function takeOver(tx: Tx, { intent, owner: former, crashes }: OpenIntent, owner: Owner, due: number): Promise<boolean> {
  const dead = owner.dead();
  const { changes } = await tx.run(
    `update sw_intent set owner = ?, due = ?, crashes = ?, in_flight = 1
      where operation = ? and idempotency_key = ? and ${ownedBy} and (owner = ? or ${dead.sql})`,
    ...[owner.id, dueAt(due), crashes, intent.operation, intent.key, former, owner.id, ...dead.values],
  );
  return changes > 0;
}

/** Deletes an intent with the transaction of its outcome. Returns false when it no longer belongs to `owner`: do not commit then. */
export async function removeIntent(tx: Tx, intent: IntentKey, owner: string): Promise<boolean> {
  const { changes } = await tx.run(
    `delete from sw_intent where operation = ? and idempotency_key = ? and ${ownedBy}`,
    intent.operation,
    intent.key,
    owner,
  );
  return changes > 0;
}

/** Ends a run of `do` without an outcome; `failed` says whether it counts. The next run is due at `due`. */
export async function postpone(tx: Tx, intent: IntentKey, owner: string, due: number, failed: 0 | 1): Promise<void> {
  await tx.run(
    `update sw_intent set attempts = attempts + ?, crashes = 0, in_flight = 0, due = ?
      where operation = ? and idempotency_key = ? and ${ownedBy}`,
    failed,
    dueAt(due),
    intent.operation,
    intent.key,
    owner,
  );
}

/** Gives an intent to `owner`, which drives it until `due`. */
export async function take(tx: Tx, intent: IntentKey, owner: string, due: number, crashes: number): Promise<void> {
  await tx.run(
    'update sw_intent set owner = ?, due = ?, crashes = ?, in_flight = 1 where operation = ? and idempotency_key = ?',
    owner,
    dueAt(due),
    crashes,
    intent.operation,
    intent.key,
  );
}

/** Gives an intent to `owner`, which does not drive it before `due`. */
export async function setAside(tx: Tx, intent: IntentKey, owner: string, due: number, crashes: number): Promise<void> {
  await tx.run(
    'update sw_intent set owner = ?, due = ?, crashes = ?, in_flight = 0 where operation = ? and idempotency_key = ?',
    owner,
    dueAt(due),
    crashes,
    intent.operation,
    intent.key,
  );
}

/** Makes an intent due now that its owner has claimed and not begun, unless it is a suspect: see `takeDeathBack`. */
export async function putBack(tx: Tx, intent: IntentKey, owner: string, now: number): Promise<void> {
  await tx.run(
    `update sw_intent set in_flight = 0, due = ? where operation = ? and idempotency_key = ? and ${ownedBy} and not (${suspect})`,
    dueAt(now),
    intent.operation,
    intent.key,
    owner,
  );
}

/** Takes back the death that was written before a run, when the process has survived the run and nothing else has ended it. */
export async function takeDeathBack(tx: Tx, intent: IntentKey, owner: string, due: number, crashes: number): Promise<void> {
  await tx.run(
    `update sw_intent set crashes = crashes - 1, in_flight = 0, due = ?
      where operation = ? and idempotency_key = ? and ${ownedBy} and in_flight = 1 and crashes = ?`,
    dueAt(due),
    intent.operation,
    intent.key,
    owner,
    crashes,
  );
}
