import { parseJson } from '../../core/parse-json.ts';
import { keptTrace, type TraceContext } from '../../core/trace.ts';
import { readable } from '../../store/damaged.ts';
import { dueAt } from '../../store/due.ts';
import type { Migration, Read, Row, Tx } from '../../store/store.ts';
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

export const intentColumns = 'operation, idempotency_key, fingerprint, input, intent, since, attempts, trace';

function number(row: Row, column: string): number {
  const value = row[column];
  if (typeof value !== 'number') throw new TypeError(`its column ${column} is no number`);
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

/** Due for a repeat only at `due`: until then its owner is at it. */
export async function keep(tx: Tx, intent: Intent, owner: string, due: number): Promise<void> {
  const { operation, key, fingerprint, input, since, trace } = intent;
  await tx.run(
    `insert into sw_intent (${intentColumns}, due, owner, step, in_hand) values (?, ?, ?, ?, ?, ?, 0, ?, ?, ?, ?, 1)`,
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

/** Names one intent. */
export type IntentKey = Pick<Keyed, 'operation' | 'key'>;

/** One worker of the service's database, which others can tell is alive. Its id in a row is the fence of what it writes. */
export interface Owner {
  readonly id: string;
  dead(): DeadOwner;
}

export const markOf = ({ operation, key }: IntentKey): string => `${operation} ${key}`;

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
    `select ${intentColumns}, ${deathColumns}, case when owner = ? or ${dead.sql} then 1 else 0 end as free
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
export async function settle(tx: Tx, intent: IntentKey, owner: string): Promise<boolean> {
  const { changes } = await tx.run(
    'delete from sw_intent where operation = ? and idempotency_key = ? and owner = ?',
    intent.operation,
    intent.key,
    owner,
  );
  return changes > 0;
}

/** Counts a run without an outcome; the next one is due then. */
export async function postpone(tx: Tx, intent: IntentKey, owner: string, due: number): Promise<void> {
  await tx.run(
    'update sw_intent set attempts = attempts + 1, crashes = 0, in_hand = 0, due = ? where operation = ? and idempotency_key = ? and owner = ?',
    dueAt(due),
    intent.operation,
    intent.key,
    owner,
  );
}

/** It is this owner's now, who is at it until `due`. */
export async function take(tx: Tx, intent: IntentKey, owner: string, due: number, crashes: number): Promise<void> {
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
export async function hold(tx: Tx, intent: IntentKey, owner: string, due: number, crashes: number): Promise<void> {
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
export async function takeDeathBack(tx: Tx, intent: IntentKey, owner: string, due: number, crashes: number): Promise<void> {
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
