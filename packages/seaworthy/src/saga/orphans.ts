import type { Runtime } from '../core/runtime.ts';
import type { Row, Store } from '../store/store.ts';
import type { Worker } from '../store/worker.ts';
import { type Instance, instanceOf } from './journal.ts';
import type { AnySaga } from './saga.ts';
import { live } from './tables.ts';
import { misfit } from './versions.ts';

/** Live instances that nobody living owns. */
export interface Orphans {
  /** Takes over up to `limit`. Those that this code cannot carry on wait for code that can. */
  take(limit: number): Promise<readonly Instance[]>;
}

export function orphans(store: Store<unknown, unknown>, runtime: Runtime, worker: Worker, sagas: ReadonlyMap<string, AnySaga>): Orphans {
  let passedOver: ReadonlySet<string> = new Set();
  const why = (instance: Instance): string | undefined => misfit(sagas.get(instance.name), instance);
  const condition = (): { readonly sql: string; readonly values: readonly (string | number)[] } => {
    const { sql, values } = worker.dead();
    return { sql: `${live} and (owner = '' or ${sql})`, values };
  };

  /** The ids of those that fit. What does not is told once. */
  function fitting(rows: readonly Row[]): readonly string[] {
    const unfit = new Set<string>();
    const ids: string[] = [];
    for (const instance of rows.map(instanceOf)) {
      const { id, name, key } = instance;
      const reason = why(instance);
      if (reason === undefined) {
        ids.push(id);
        continue;
      }
      unfit.add(id);
      if (!passedOver.has(id))
        runtime.observe.log('error', 'a saga of other code is not taken over, it waits for that code', { saga: name, key, id, reason });
    }
    passedOver = unfit;
    return ids;
  }

  return {
    async take(limit) {
      const free = condition();
      const rows = await store.ownRead.all(`select * from sw_saga where ${free.sql} limit ?`, ...free.values, limit + passedOver.size);
      const candidates = fitting(rows);
      if (candidates.length === 0) return [];
      return store.transaction(async (tx) => {
        const own = store.own(tx);
        const mine: Instance[] = [];
        const { sql, values } = condition();
        for (const id of candidates) {
          // Who was taken for dead may have gone on until now.
          const [row] = await own.all(`select * from sw_saga where id = ? and ${sql}`, id, ...values);
          const instance = row && instanceOf(row);
          if (!instance || why(instance) !== undefined) continue;
          await own.run('update sw_saga set owner = ? where id = ?', worker.id, id);
          mine.push(instance);
        }
        return mine;
      });
    },
  };
}
