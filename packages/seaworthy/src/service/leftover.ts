import type { Runtime } from '../core/runtime.ts';
import { live } from '../saga/saga-store.ts';
import type { Store } from '../store/store.ts';
import type { Worker } from '../store/worker.ts';

/** The tables with work that a dead process may have left, by their names in the log. Outbox rows have no owner, since one relay serves all. */
const tables = (dead: string) =>
  [
    ['sagas', `sw_saga where ${live} and ${dead}`],
    ['intents', `sw_intent where ${dead}`],
    ['retries', `sw_parked where owner <> '' and ${dead}`],
  ] as const;

/** Logs in one line what this process takes over from processes that have ended, if there is anything. */
export async function reportLeftover({ sqlRead }: Store<unknown, unknown>, { observe }: Runtime, worker: Worker): Promise<void> {
  const { sql, values } = worker.dead();
  const found: Record<string, number> = {};
  const count = async (what: string, from: string, ...given: typeof values | []): Promise<void> => {
    const [row] = await sqlRead.all(`select count(*) as n from ${from}`, ...given);
    const n = Number(row?.['n']);
    if (n > 0) found[what] = n;
  };
  for (const [what, from] of tables(sql)) await count(what, from, ...values);
  await count('events', 'sw_outbox');
  if (Object.keys(found).length > 0) observe.log('info', 'work that an earlier process left is taken over', found);
}
