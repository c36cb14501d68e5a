import type { Store, Tx } from '../store/store.ts';

/**
 * Marks an event as taken, with the transaction that has its effects. False when it was taken before: then do nothing.
 * Whoever marks it is answerable for it: it is handled, parked, or in the dead letters.
 */
export async function mark(tx: Tx, consumer: string, event: string, now: number): Promise<boolean> {
  const { changes } = await tx.run(
    'insert into sw_inbox (consumer, event, at) values (?, ?, ?) on conflict (consumer, event) do nothing',
    consumer,
    event,
    now,
  );
  return changes > 0;
}

/** Forgets up to `limit` marks older than `before`, the oldest first. Returns whether there may be more. */
export async function forgetMarks(store: Store<unknown, unknown>, before: number, limit: number): Promise<boolean> {
  const rows = await store.ownRead.all('select seq, at from sw_inbox order by seq limit ?', limit);
  const old = rows.filter((row) => Number(row['at']) < before);
  const last = old.at(-1);
  if (!last) return false;
  await store.transaction((tx) => store.own(tx).run('delete from sw_inbox where seq <= ? and at < ?', last['seq'], before));
  return old.length === limit;
}
