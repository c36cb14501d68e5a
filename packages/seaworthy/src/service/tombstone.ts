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

/** A saga's calls carry `<instance>.<step>#<n>`; the part before `#` is the step's own key. Other calls belong to no step. */
export function stepOf(key: string): string | undefined {
  const end = key.indexOf('#');
  return end < 0 ? undefined : key.slice(0, end);
}

/** Throws `StepUndone` when the step that this call belongs to has been undone here. */
export async function refuseUndone(tx: Tx, { operation, key }: { readonly operation: string; readonly key: string }): Promise<void> {
  const step = stepOf(key);
  if (step === undefined) return;
  const [row] = await tx.all('select 1 as undone from sw_tombstone where step = ?', step);
  if (row) throw new StepUndone(`${operation} belongs to the step ${step}, which has been undone: it is refused, and need not be repeated`);
}

/** As long again as it has been open, so that many undos that wait for one third party ask ever more rarely. */
const waitMs = (openMs: number): number => Math.min(30_000, Math.max(1000, openMs));

/**
 * From now on this service begins no call of `step`. What it began before is driven to an outcome, and only then can be taken back:
 * while an external command of the step is open, this returns an error that its undo is to be answered with once the tombstone is
 * committed.
 */
export async function bury(tx: Tx, step: string, now: number): Promise<StepInProgress | undefined> {
  // Whoever still undoes the step needs its tombstone: it ages from the last time.
  await tx.run(tx.dialect.upsert({ table: 'sw_tombstone', columns: 'step, at', key: 'step', set: 'at' }), step, now);
  const [open] = await tx.all('select operation, since, attempts from sw_intent where step = ? order by since limit 1', step);
  if (!open) return undefined;
  const tried = Number(open['attempts']) > 0 ? `, after ${open['attempts']} runs that gave none` : '';
  return new StepInProgress(
    `${open['operation']} of the step ${step} has no outcome yet${tried}: its undo waits for it, and begins no earlier. Ask again soon`,
    { retryAfterMs: waitMs(now - Number(open['since'])) },
  );
}

/** Forgets up to `limit` tombstones that are older than `before`, but none of a step whose external command is still open. */
export async function forgetTombstones(tx: Tx, before: number, limit: number): Promise<number> {
  const { changes } = await tx.run(
    `delete from sw_tombstone where step in (
      select step from sw_tombstone t where at < ? and not exists (select 1 from sw_intent i where i.step = t.step) order by at limit ?)`,
    before,
    limit,
  );
  return changes;
}
