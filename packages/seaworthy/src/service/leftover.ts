import type { Runtime } from '../core/runtime.ts';
import { liveSagas } from '../saga/saga-store.ts';
import { countUpTo, mostCounted } from '../store/count.ts';
import { type Owned, ownersOf } from '../store/owners.ts';
import type { Store } from '../store/store.ts';
import type { Worker } from '../store/worker.ts';

/** The tables with work that a dead process may have left, by their names in the log. */
const tables: Readonly<Record<string, Owned>> = {
  sagas: liveSagas,
  intents: { table: 'sw_intent', live: "owner <> ''" },
  retries: { table: 'sw_parked', live: "owner <> ''" },
};

/** Logs in one line what this process takes over from processes that have ended, if there is anything. It counts up to 10,000 of each. */
export async function reportLeftover({ sqlRead }: Store<unknown, unknown>, { observe }: Runtime, worker: Worker): Promise<void> {
  const found: Record<string, number> = {};
  for (const [what, owned] of Object.entries(tables)) {
    const { sql, values } = ownersOf(owned, worker.dead());
    let count = 0;
    for (const { owner } of await sqlRead.all(sql, ...values))
      count += await countUpTo(sqlRead, mostCounted - count, `${owned.table} where ${owned.live} and owner = ?`, owner);
    if (count > 0) found[what] = count;
  }
  // The rows of the outbox have no owner, since one relay serves all.
  const events = await countUpTo(sqlRead, mostCounted, 'sw_outbox');
  if (events > 0) found['events'] = events;
  if (Object.keys(found).length > 0) observe.log('info', 'work that an earlier process left is taken over', found);
}
