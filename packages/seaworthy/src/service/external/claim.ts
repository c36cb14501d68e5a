import { claim } from '../../store/claim.ts';
import type { Aside } from '../../store/damaged.ts';
import { dueAt, isDue } from '../../store/due.ts';
import type { Most } from '../../store/read-some.ts';
import type { Fragment, Read, Row, Tx } from '../../store/store.ts';
import { crashed } from '../../store/worker.ts';
import { type Intent, intentColumns, intentOf, type Owner, setAside, suspect } from './intent-table.ts';

/** What a look for open intents goes by. */
export interface Claiming {
  readonly owner: Owner;
  readonly now: number;
  /** No intent is made due later than this, in milliseconds from now. */
  readonly longestMs: number;
  /** The intents that cannot be read. */
  readonly aside: Aside;
}

/** An intent that belongs to this worker from now on. */
export interface Claimed {
  readonly intent: Intent;
  /** How many processes died while they had it in flight. */
  readonly crashes: number;
  readonly bytes: number;
}

/** The intents of one claim. */
export interface Claims {
  /** The intents to drive. */
  readonly claimed: readonly Claimed[];
  /** The intents that have become suspects. They are due now, and `ExternalSuspects` claims them. */
  readonly suspects: readonly Claimed[];
}

/** The time until an intent that cannot be read is read again: its row may have been corrected. */
const unreadableMs = 30_000;

const died = `in_flight = 1 and ${crashed}`;
export const oneOf = (operations: readonly string[]): string => `operation in (${operations.map(() => '?').join()})`;
export const all = (...of: readonly Fragment[]): Fragment => ({
  sql: of.map(({ sql }) => `(${sql})`).join(' and '),
  values: of.flatMap(({ values }) => values),
});
export const either = (...of: readonly Fragment[]): Fragment => ({
  sql: of.map(({ sql }) => `(${sql})`).join(' or '),
  values: of.flatMap(({ values }) => values),
});
export const plain = (sql: string): Fragment => ({ sql, values: [] });
export const due = ({ now, longestMs }: Claiming): Fragment => isDue(now, longestMs);
export const own = ({ owner }: Claiming): Fragment => ({ sql: 'owner = ?', values: [owner.id] });
export const dead = ({ owner }: Claiming): Fragment => owner.dead();

/** Claims intents that meet both conditions. One that cannot be read takes no room from those that can, and is left alone for a while. */
export async function claimed(
  tx: Tx,
  claiming: Claiming,
  { live, by, set }: { readonly live: Fragment; readonly by: Fragment; readonly set: Fragment },
  most: Most,
): Promise<{ readonly rows: number; readonly intents: readonly Claimed[] }> {
  const { isJson } = tx.dialect;
  const size = `case when ${isJson('input')} and ${isJson('intent')} then octet_length(input) + octet_length(intent) else 0 end`;
  const { aside, owner, now } = claiming;
  const columns = `${intentColumns}, crashes, ${size} as size`;
  const key = ['operation', 'idempotency_key'];
  const rows = await claim(tx, { table: 'sw_intent', key, live, owner: by, worker: owner.id, set, columns, size }, most);
  const read = new Set<Row>();
  const intents = aside.read(
    rows,
    (row) => `${row['operation']} ${row['idempotency_key']}`,
    (row) => {
      const one = { intent: intentOf(row), crashes: Number(row['crashes']), bytes: Number(row['size']) };
      read.add(row);
      return one;
    },
  );
  for (const row of rows) {
    const unread = { operation: String(row['operation']), key: String(row['idempotency_key']) };
    if (!read.has(row)) await setAside(tx, unread, owner.id, now + unreadableMs, Number(row['crashes']));
  }
  return { rows: rows.length, intents };
}

/** Returns those of the operations that have an intent for `claimIntents`. Most of the time none has, and a read waits for no writer. */
export async function dueOperations(read: Read, operations: readonly string[], claiming: Claiming): Promise<ReadonlySet<string>> {
  const free = either(all(due(claiming), own(claiming)), dead(claiming));
  const rows = await read.all(
    `select distinct operation from sw_intent where ${oneOf(operations)} and not ${suspect} and (${free.sql})`,
    ...operations,
    ...free.values,
  );
  return new Set(rows.map((row) => String(row['operation'])));
}

/**
 * Claims intents of one operation that are due, or whose worker is dead. They are due again at `again`. An intent that two processes
 * had in flight when they died becomes a suspect.
 */
export async function claimIntents(tx: Tx, operation: string, again: number, claiming: Claiming, most: Most): Promise<Claims> {
  const of = (condition: string): Fragment => ({ sql: `operation = ? and ${condition}`, values: [operation] });
  const driven = (deaths: 0 | 1): Fragment => ({ sql: 'crashes = crashes + ?, in_flight = 1, due = ?', values: [deaths, dueAt(again)] });
  const suspected = { sql: 'crashes = crashes + 1, in_flight = 0, due = ?', values: [dueAt(claiming.now)] };
  const orphaned = dead(claiming);
  const free = either(all(due(claiming), own(claiming)), all(orphaned, plain(`not (${died})`)));
  const suspects = await claimed(tx, claiming, { live: of(`crashes = 1 and ${died}`), by: orphaned, set: suspected }, most);
  const blamed = await claimed(tx, claiming, { live: of(`crashes = 0 and ${died}`), by: orphaned, set: driven(1) }, most);
  const bytes = most.bytes - blamed.intents.reduce((sum, one) => sum + one.bytes, 0);
  const left = { rows: bytes > 0 ? most.rows - blamed.rows : 0, bytes };
  const others = await claimed(tx, claiming, { live: of(`not ${suspect}`), by: free, set: driven(0) }, left);
  return { claimed: [...blamed.intents, ...others.intents], suspects: suspects.intents };
}
