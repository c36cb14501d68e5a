import { hash } from 'node:crypto';
import type { Answer } from '../contract/answer.ts';
import { parseJson } from '../core/parse-json.ts';
import { readable } from '../store/damaged.ts';
import type { Migration, Tx } from '../store/store.ts';
import { KeyReused } from './errors.ts';
import { forgetTombstones, stepOf } from './tombstone.ts';

/** A call under its key. A key belongs to one operation of one service. */
export interface KeyedCall {
  readonly operation: string;
  readonly key: string;
  /** A hash of the input: a repeat has the same one. */
  readonly fingerprint: string;
}

export const idempotencyMigrations: readonly Migration[] = [
  {
    name: 'seaworthy/idempotency/1',
    statements: ({ types: { integer, key, text }, tableOptions }) => [
      `create table sw_idempotency (
        operation ${key} not null, idempotency_key ${key} not null, fingerprint ${text} not null, answer ${text} not null,
        at ${integer} not null, of_step ${integer} not null, primary key (operation, idempotency_key))${tableOptions}`,
      // A saga may repeat the calls of its steps days later, so their answers are kept longer.
      'create index sw_idempotency_at on sw_idempotency (of_step, at)',
    ],
  },
];

const inOrder = (names: readonly string[]): boolean => names.every((name, index) => index === 0 || (names[index - 1] as string) < name);

/**
 * Returns a value with the keys of its objects sorted, so that equal inputs have equal JSON. An object that is sorted already stays as
 * it is. Each field is visited once, since a caller chooses how deep its input is.
 */
function canonical(value: unknown): unknown {
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) {
    const all = value.map(canonical);
    return all.some((one, index) => one !== value[index]) ? all : value;
  }
  const fields = value as Readonly<Record<string, unknown>>;
  const names = Object.keys(fields);
  const ordered = names.map((name) => canonical(fields[name]));
  if (inOrder(names) && names.every((name, index) => ordered[index] === fields[name])) return value;
  const entries = names.map((name, index) => [name, ordered[index]] as const);
  return Object.fromEntries(entries.sort(([one], [other]) => (one < other ? -1 : 1)));
}

/** Returns a hash of an input. It is the same for equal inputs, whatever the order of their fields. */
export const fingerprint = (input: unknown): string => hash('sha256', JSON.stringify(canonical(input)) ?? '', 'base64url');

/** Throws `KeyReused` when the key was first used with another input. */
export function sameOrThrow(call: KeyedCall, recorded: unknown): void {
  if (recorded === call.fingerprint) return;
  throw new KeyReused(
    `the idempotency key ${call.key} of ${call.operation} was used before with another input: use a new key for a new call`,
  );
}

/** Returns the answer that is recorded under the key of a call. Throws `KeyReused`. */
export async function recorded(tx: Tx, call: KeyedCall): Promise<Answer | undefined> {
  const [row] = await tx.all(
    'select fingerprint, answer from sw_idempotency where operation = ? and idempotency_key = ?',
    call.operation,
    call.key,
  );
  if (!row) return undefined;
  sameOrThrow(call, row['fingerprint']);
  return readable('sw_idempotency', `${call.operation} ${call.key}`, () => {
    const answer = parseJson(String(row['answer'])) as Answer | null;
    if (typeof answer?.kind !== 'string') throw new TypeError('the column answer is not an answer');
    return answer;
  });
}

/** Records an answer in the transaction that made it. */
export async function record(tx: Tx, call: KeyedCall, answer: Answer, now: number): Promise<void> {
  await tx.run(
    'insert into sw_idempotency (operation, idempotency_key, fingerprint, answer, at, of_step) values (?, ?, ?, ?, ?, ?)',
    call.operation,
    call.key,
    call.fingerprint,
    JSON.stringify(answer),
    now,
    stepOf(call.key) === undefined ? 0 : 1,
  );
}

async function forgetRecords(tx: Tx, ofStep: 0 | 1, before: number, limit: number): Promise<number> {
  const { changes } = await tx.run(
    `delete from sw_idempotency where (operation, idempotency_key) in
      (select operation, idempotency_key from sw_idempotency where of_step = ? and at < ? order by at limit ?)`,
    ofStep,
    before,
    limit,
  );
  return changes;
}

/** Deletes up to `limit` records older than `before`, but none of steps of sagas. Returns how many. */
export const forget = (tx: Tx, before: number, limit: number): Promise<number> => forgetRecords(tx, 0, before, limit);

/** Deletes up to `limit` records of steps of sagas, and as many tombstones. Returns the larger number. */
export const forgetSteps = async (tx: Tx, before: number, limit: number): Promise<number> =>
  Math.max(await forgetTombstones(tx, before, limit), await forgetRecords(tx, 1, before, limit));
