import type { Runtime } from '../core/runtime.ts';
import type { Fragment, Read, Row, Store } from '../store/store.ts';
import { crashed, type Worker } from '../store/worker.ts';
import type { Instance } from './journal.ts';
import { type Direction, directionOf } from './lanes.ts';
import { readSaga } from './list.ts';
import { SagaUnreadable } from './row.ts';
import type { AnySaga } from './saga.ts';
import { isSuspect } from './suspects.ts';
import { live } from './tables.ts';
import { incompatibility, isPlanOf } from './versions.ts';

export interface Taken extends Direction {
  readonly id: string;
  /** How many processes died while they had it in hand. */
  readonly crashes: number;
}

/** Live instances that nobody living owns. */
export interface Orphans {
  /** Takes over up to `limit`. Those that this code cannot carry on wait for code that can. */
  take(limit: number): Promise<readonly Taken[]>;
}

export function orphans(store: Store<unknown, unknown>, runtime: Runtime, worker: Worker, sagas: ReadonlyMap<string, AnySaga>): Orphans {
  /** With the version at which this code could not carry it on; none where its row may be mended by hand. */
  let passedOver: ReadonlyMap<string, number | undefined> = new Map();
  const condition = (): Fragment => {
    const { sql, values } = worker.dead();
    return { sql: `${live} and (owner = '' or ${sql})`, values };
  };

  /** Told once. */
  function passOver({ id, name, key }: Pick<Instance, 'id' | 'name' | 'key'>, reason: string): void {
    if (!passedOver.has(id))
      runtime.observe.log('error', 'a saga of other code is not taken over, it waits for that code', { saga: name, key, id, reason });
  }

  /** Those that fit. What they hold is read only where the definition is another one, and one by one, since it may be large. */
  async function fitting(rows: readonly Row[]): Promise<readonly string[]> {
    const unfit = new Map<string, number | undefined>();
    const ids: string[] = [];
    for (const row of rows) {
      const brief = { id: String(row['id']), name: String(row['name']), key: String(row['saga_key']), plan: String(row['plan']) };
      const version = Number(row['version']);
      if (passedOver.get(brief.id) === version) {
        unfit.set(brief.id, version);
        continue;
      }
      const why = isPlanOf(sagas.get(brief.name), brief.plan) ? undefined : await whyNot(store.sqlRead, brief.id);
      if (why === undefined) ids.push(brief.id);
      else {
        passOver(brief, why.reason);
        unfit.set(brief.id, why.lasting ? version : undefined);
      }
    }
    passedOver = unfit;
    return ids;
  }

  /** Why this code cannot carry it on, and whether that lasts for as long as its row is as it is. */
  async function whyNot(read: Read, id: string): Promise<{ readonly reason: string; readonly lasting: boolean } | undefined> {
    try {
      const instance = await readSaga(read, id);
      const reason = instance && incompatibility(sagas.get(instance.name), instance);
      return reason === undefined ? undefined : { reason, lasting: true };
    } catch (error) {
      if (!(error instanceof SagaUnreadable)) throw error;
      return { reason: error.message, lasting: false };
    }
  }

  return {
    async take(limit) {
      const free = condition();
      const rows = await store.sqlRead.all(
        `select id, name, saga_key, plan, version from sw_saga where ${free.sql} limit ?`,
        ...free.values,
        limit + passedOver.size,
      );
      const candidates = await fitting(rows);
      if (candidates.length === 0) return [];
      const taken = await store.transaction(async (tx) => {
        const own = store.sql(tx);
        const mine: Taken[] = [];
        const { sql, values } = condition();
        for (const id of candidates) {
          // Who was taken for dead may have gone on until now.
          const [row] = await own.all(
            `select name, plan, state, stopping, crashes, case when due <= ? and ${crashed} then 1 else 0 end as died
              from sw_saga where id = ? and ${sql}`,
            runtime.clock.now(),
            id,
            ...values,
          );
          if (!row) continue;
          if (!isPlanOf(sagas.get(String(row['name'])), String(row['plan'])) && (await whyNot(own, id)) !== undefined) continue;
          const before = Number(row['crashes']);
          // A suspect's death was written before its run.
          const crashes = isSuspect(before) ? before : before + Number(row['died']);
          await own.run('update sw_saga set owner = ?, crashes = ? where id = ?', worker.id, crashes, id);
          mine.push({ id, crashes, ...directionOf({ name: row['name'], state: row['state'], stopping: row['stopping'] }) });
        }
        return mine;
      });
      for (const { id, saga, crashes } of taken) {
        if (!isSuspect(crashes)) continue;
        runtime.observe.log('error', 'a saga may be what kills its processes: it is run alone', { saga, id, crashes });
      }
      return taken;
    },
  };
}
