import { hash } from 'node:crypto';
import type { Answer } from '../contract/answer.ts';
import { parseJson } from '../core/parse-json.ts';
import { readable } from '../store/damaged.ts';
import type { Migration, Read, Row, Tx } from '../store/store.ts';
import { KeyReused } from './errors.ts';
import { forgetTombstones, stepOf, undoneError } from './tombstone.ts';

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
      // `answer` is null while an external command under the key has no outcome.
      `create table sw_idempotency (
        operation ${key} not null, idempotency_key ${key} not null, fingerprint ${text} not null, answer ${text},
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

/** What is committed about a call, before its transaction begins. */
export interface Known {
  /** The answer that is recorded under its key. */
  readonly answer: Answer | undefined;
  /** Whether an external command under its key has no outcome yet. */
  readonly inProgress: boolean;
  /** Whether another call of its step has taken effect. */
  readonly begun: boolean;
}

const unknown: Known = { answer: undefined, inProgress: false, begun: false };

function answerIn(row: Row, { operation, key }: KeyedCall): Answer {
  return readable('sw_idempotency', `${operation} ${key}`, () => {
    const answer = parseJson(String(row['answer'])) as Answer | null;
    if (typeof answer?.kind !== 'string') throw new TypeError('the column answer is not an answer');
    return answer;
  });
}

const ofKey = `select fingerprint, answer, null as undone from sw_idempotency where operation = ? and idempotency_key = ?`;
const ofStep = 'select null, null, undone from sw_tombstone where step = ?';

/**
 * Looks up a call. A call of a step gives its `step`, an undo does not. Nothing of it is read in the transaction: a row that is not
 * there yet would then conflict with every call beside it. Throws `KeyReused`, and `StepUndone` once the step has been undone.
 */
export async function lookUp(read: Read, call: KeyedCall, step: string | undefined): Promise<Known> {
  const { operation, key } = call;
  const rows =
    step === undefined ? await read.all(ofKey, operation, key) : await read.all(`${ofKey} union all ${ofStep}`, operation, key, step);
  if (rows.length === 0) return unknown;
  const entered = rows.find((row) => row['undone'] !== null);
  if (step !== undefined && entered?.['undone'] === 1) throw undoneError(operation, step);
  const found = rows.find((row) => row['undone'] === null);
  if (found) sameOrThrow(call, found['fingerprint']);
  const inProgress = found?.['answer'] === null;
  return { answer: found && !inProgress ? answerIn(found, call) : undefined, inProgress, begun: entered !== undefined };
}

const columns = 'operation, idempotency_key, fingerprint, answer, at, of_step';

const valuesOf = ({ operation, key, fingerprint: input }: KeyedCall, answer: Answer | undefined, now: number) =>
  [operation, key, input, answer && JSON.stringify(answer), now, stepOf(key) === undefined ? 0 : 1] as const;

/**
 * Records an answer with the commit of the transaction that made it, or with none that an external command under the key has begun. When
 * another call under the key came first, the commit is refused.
 */
export function record(tx: Tx, call: KeyedCall, answer: Answer | undefined, now: number): void {
  tx.runAtCommit(`insert into sw_idempotency (${columns}) values (?, ?, ?, ?, ?, ?)`, ...valuesOf(call, answer, now));
}

/** Records the answer of an external command, in the transaction that deletes its intent. */
export function recordOutcome(tx: Tx, call: KeyedCall, answer: Answer, now: number): void {
  const insertion = { table: 'sw_idempotency', columns, key: 'operation, idempotency_key', set: 'answer, at' };
  tx.runAtCommit(tx.dialect.upsert(insertion), ...valuesOf(call, answer, now));
}

async function forgetRecords(tx: Tx, ofStep: 0 | 1, before: number, limit: number): Promise<number> {
  const intent =
    'select 1 from sw_intent i where i.operation = sw_idempotency.operation and i.idempotency_key = sw_idempotency.idempotency_key';
  const where = { sql: `of_step = ? and at < ? and (answer is not null or not exists (${intent}))`, values: [ofStep, before] };
  const { sql, values } = tx.dialect.deleteFirst({
    table: 'sw_idempotency',
    key: 'operation, idempotency_key',
    where,
    order: 'at',
    limit,
  });
  return (await tx.run(sql, ...values)).changes;
}

/** Deletes up to `limit` records older than `before`, but none of steps of sagas, or of an open intent. Returns how many. */
export const forget = (tx: Tx, before: number, limit: number): Promise<number> => forgetRecords(tx, 0, before, limit);

/** Deletes up to `limit` records of steps of sagas, and as many tombstones. Returns the larger number. */
export const forgetSteps = async (tx: Tx, before: number, limit: number): Promise<number> =>
  Math.max(await forgetTombstones(tx, before, limit), await forgetRecords(tx, 1, before, limit));
