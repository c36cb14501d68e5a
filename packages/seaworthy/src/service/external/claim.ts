import { claim } from '../../store/claim.ts';
import type { Aside } from '../../store/damaged.ts';
import { dueAt, isDue, isFar } from '../../store/due.ts';
import { ownersQuery } from '../../store/owners.ts';
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
/** The two parts of an intent's being due are `or`ed only where few intents are concerned: no index serves both at once. */
export const due = ({ now, longestMs }: Claiming): Fragment => either(isDue(now), isFar(now, longestMs));
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

/** What there is to claim. */
export interface Work {
  /** For each operation, when the next intent of this worker is due. One whose time is too far ahead is due: a wrong clock wrote it. */
  readonly next: ReadonlyMap<string, { readonly due: number; readonly far: boolean }>;
  /** The dead workers that have intents. */
  readonly dead: readonly string[];
  /** The number of suspects, whoever has them. */
  readonly suspects: number;
}

/** Looks for intents to claim, in one statement: most of the time there is none. */
export async function findWork(read: Read, operations: readonly string[], { owner, now, longestMs }: Claiming): Promise<Work> {
  const dead = owner.dead();
  const own = 'from sw_intent where owner = ? and operation = ?';
  const rows = await read.all(
    `with recursive ${ownersQuery({ table: 'sw_intent', live: "owner <> ''" })}
      select 'dead' as what, owner as name, 0 as first, 0 as last from owners where owner is not null and ${dead.sql}
      union all select 'suspects', '', count(*), 0 from sw_intent where ${suspect}
      ${operations.map(() => `union all select 'next', ?, (select min(due) ${own}), (select max(due) ${own})`).join(' ')}`,
    ...dead.values,
    ...operations.flatMap((operation) => [operation, owner.id, operation, owner.id, operation]),
  );
  const next = new Map<string, { readonly due: number; readonly far: boolean }>();
  for (const { what, name, first, last } of rows)
    if (what === 'next' && first !== null && first !== undefined)
      next.set(String(name), { due: Number(first), far: Number(last) > now + longestMs });
  return {
    next,
    dead: rows.filter(({ what }) => what === 'dead').map(({ name }) => String(name)),
    suspects: Number(rows.find(({ what }) => what === 'suspects')?.['first']),
  };
}

const driven = (again: number, deaths: 0 | 1): Fragment => ({
  sql: 'crashes = crashes + ?, in_flight = 1, due = ?',
  values: [deaths, dueAt(again)],
});
const of = (operation: string, condition: string): Fragment => ({ sql: `operation = ? and ${condition}`, values: [operation] });

/** Claims intents of this worker that are due, or whose time is too `far` ahead. They are due again at `again`. */
export async function claimDue(
  tx: Tx,
  { operation, far }: { readonly operation: string; readonly far: boolean },
  again: number,
  claiming: Claiming,
  most: Most,
): Promise<readonly Claimed[]> {
  const { now, longestMs } = claiming;
  const time = far ? isFar(now, longestMs) : isDue(now);
  const live = all(of(operation, `not (${suspect})`), time);
  return (await claimed(tx, claiming, { live, by: own(claiming), set: driven(again, 0) }, most)).intents;
}

/**
 * Claims intents of a dead worker. They are due again at `again`. An intent that two processes had in flight when they died becomes a
 * suspect.
 */
export async function claimOrphans(
  tx: Tx,
  { operation, worker }: { readonly operation: string; readonly worker: string },
  again: number,
  claiming: Claiming,
  most: Most,
): Promise<Claims> {
  const suspected = { sql: 'crashes = crashes + 1, in_flight = 0, due = ?', values: [dueAt(claiming.now)] };
  const by = all({ sql: 'owner = ?', values: [worker] }, claiming.owner.isDead(worker));
  const suspects = await claimed(tx, claiming, { live: of(operation, `crashes = 1 and ${died}`), by, set: suspected }, most);
  const blamed = await claimed(tx, claiming, { live: of(operation, `crashes = 0 and ${died}`), by, set: driven(again, 1) }, most);
  const bytes = most.bytes - blamed.intents.reduce((sum, one) => sum + one.bytes, 0);
  const left = { rows: bytes > 0 ? most.rows - blamed.rows : 0, bytes };
  const others = await claimed(
    tx,
    claiming,
    { live: of(operation, `not (${suspect}) and not (${died})`), by, set: driven(again, 0) },
    left,
  );
  return { claimed: [...blamed.intents, ...others.intents], suspects: suspects.intents };
}
