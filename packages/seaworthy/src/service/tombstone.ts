import type { Migration, Tx } from '../store/store.ts';
import { Overtaken, StepInProgress, StepUndone } from './errors.ts';

export const tombstoneMigrations: readonly Migration[] = [
  {
    name: 'seaworthy/tombstone/1',
    statements: ({ types: { integer, key }, tableOptions }) => [
      // A call of a step and its undo write the same row, so that of two which meet, one sees the other at every level of isolation.
      `create table sw_tombstone (step ${key} not null primary key, at ${integer} not null, undone ${integer} not null)${tableOptions}`,
      'create index sw_tombstone_at on sw_tombstone (at)',
    ],
  },
];

/** Returns the step that a key belongs to. A saga's keys are `<instance>.<step>#<n>`; the keys of other calls belong to no step. */
export function stepOf(key: string): string | undefined {
  const end = key.indexOf('#');
  return end < 0 ? undefined : key.slice(0, end);
}

/** Returns the error of a call that arrives once its step has been undone. */
export const undoneError = (operation: string, step: string): StepUndone =>
  new StepUndone(`${operation} belongs to the step ${step}, which has been undone: do not repeat the call`);

/**
 * Enters a call of a step in the transaction of its effects. `begun` says whether an earlier call of the step was found before. When the
 * step was undone since, it throws `Overtaken`, or the commit is refused: look again.
 */
export async function enterStep(tx: Tx, step: string, begun: boolean, now: number): Promise<void> {
  if (!begun) return void tx.runAtCommit('insert into sw_tombstone (step, at, undone) values (?, ?, 0)', step, now);
  const { changes } = await tx.run('update sw_tombstone set at = ? where step = ? and undone = 0', now, step);
  if (changes === 0) throw new Overtaken(`the step ${step} was undone meanwhile`);
}

/** Returns as long again as the command has been open, so that undos which wait for one third party ask ever more rarely. */
const waitMs = (openMs: number): number => Math.min(30_000, Math.max(1000, openMs));

/**
 * Lays a tombstone: from its commit on this service refuses calls of `step`. An external command of the step that has begun is driven
 * to its outcome first. While it has none, this returns the error that the undo is answered with, once the tombstone is committed.
 */
export async function layTombstone(tx: Tx, step: string, now: number): Promise<StepInProgress | undefined> {
  // A repeated undo renews the tombstone, which ages from then on. What is read behind it is as the calls of the step left it.
  await tx.run(tx.dialect.upsert({ table: 'sw_tombstone', columns: 'step, at, undone', key: 'step', set: 'at, undone' }), step, now, 1);
  const [open] = await tx.all('select operation, since, attempts from sw_intent where step = ? order by since limit 1', step);
  if (!open) return undefined;
  const tried = Number(open['attempts']) > 0 ? ` after ${open['attempts']} runs of \`do\`` : '';
  return new StepInProgress(
    `${open['operation']} of the step ${step} has no outcome yet${tried}, and its undo begins after that: repeat the call after a while`,
    { retryAfterMs: waitMs(now - Number(open['since'])) },
  );
}

/** Deletes up to `limit` rows of steps older than `before`, but none of a step with an open intent. Returns how many. */
export async function forgetTombstones(tx: Tx, before: number, limit: number): Promise<number> {
  const open = 'select 1 from sw_intent i where i.step = sw_tombstone.step';
  const where = { sql: `at < ? and not exists (${open})`, values: [before] };
  const { sql, values } = tx.dialect.deleteFirst({ table: 'sw_tombstone', key: 'step', where, order: 'at', limit });
  return (await tx.run(sql, ...values)).changes;
}
