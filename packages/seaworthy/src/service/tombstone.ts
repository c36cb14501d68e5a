import type { Migration, Tx } from '../store/store.ts';
import { StepInProgress, StepUndone } from './errors.ts';

export const tombstoneMigrations: readonly Migration[] = [
  {
    name: 'seaworthy/tombstone/1',
    statements: ({ types: { integer, key }, tableOptions }) => [
      `create table sw_tombstone (step ${key} not null primary key, at ${integer} not null)${tableOptions}`,
      'create index sw_tombstone_at on sw_tombstone (at)',
    ],
  },
];

/** Returns the step that a key belongs to. A saga's keys are `<instance>.<step>#<n>`; the keys of other calls belong to no step. */
export function stepOf(key: string): string | undefined {
  const end = key.indexOf('#');
  return end < 0 ? undefined : key.slice(0, end);
}

/** Throws `StepUndone` when the step of this call has been undone. */
export async function refuseUndone(tx: Tx, { operation, key }: { readonly operation: string; readonly key: string }): Promise<void> {
  const step = stepOf(key);
  if (step === undefined) return;
  const [row] = await tx.all('select 1 as undone from sw_tombstone where step = ?', step);
  if (row) throw new StepUndone(`${operation} belongs to the step ${step}, which has been undone: do not repeat the call`);
}

/** Returns as long again as the command has been open, so that undos which wait for one third party ask ever more rarely. */
const waitMs = (openMs: number): number => Math.min(30_000, Math.max(1000, openMs));

/**
 * Lays a tombstone: from its commit on this service refuses calls of `step`. An external command of the step that has begun is driven
 * to its outcome first. While it has none, this returns the error that the undo is answered with, once the tombstone is committed.
 */
export async function layTombstone(tx: Tx, step: string, now: number): Promise<StepInProgress | undefined> {
  // A repeated undo renews the tombstone, which ages from then on.
  await tx.run(tx.dialect.upsert({ table: 'sw_tombstone', columns: 'step, at', key: 'step', set: 'at' }), step, now);
  const [open] = await tx.all('select operation, since, attempts from sw_intent where step = ? order by since limit 1', step);
  if (!open) return undefined;
  const tried = Number(open['attempts']) > 0 ? ` after ${open['attempts']} runs of \`do\`` : '';
  return new StepInProgress(
    `${open['operation']} of the step ${step} has no outcome yet${tried}, and its undo begins after that: repeat the call after a while`,
    { retryAfterMs: waitMs(now - Number(open['since'])) },
  );
}

/** Deletes up to `limit` tombstones older than `before`, but none of a step with an open intent. Returns how many. */
export async function forgetTombstones(tx: Tx, before: number, limit: number): Promise<number> {
  const { changes } = await tx.run(
    `delete from sw_tombstone where step in (
      select step from sw_tombstone t where at < ? and not exists (select 1 from sw_intent i where i.step = t.step) order by at limit ?)`,
    before,
    limit,
  );
  return changes;
}
