import type { Runtime } from '../core/runtime.ts';
import type { Fragment, Read, Row, Store } from '../store/store.ts';
import { crashed, type Worker } from '../store/worker.ts';
import { type AnySaga, incompatibility, isPlanOf } from './definition.ts';
import { type Instance, SagaUnreadable } from './instance.ts';
import { briefColumns, briefOf, live, readSaga } from './saga-store.ts';
import { type Direction, directionOf, isSuspect } from './schedule.ts';

/** An instance that was taken over. */
export interface Taken extends Direction {
  readonly id: string;
  /** How many processes died while they had the instance in flight. */
  readonly crashes: number;
}

/** Active instances without a living owner. */
export interface Orphans {
  /** Takes over up to `limit` instances. Those that this code cannot continue wait for code that can. */
  take(limit: number): Promise<readonly Taken[]>;
}

export function orphans(store: Store<unknown, unknown>, runtime: Runtime, worker: Worker, sagas: ReadonlyMap<string, AnySaga>): Orphans {
  /** The instances that this code cannot continue, with their versions; without a version where the row may be corrected by hand. */
  let passedOver: ReadonlyMap<string, number | undefined> = new Map();
  const condition = (): Fragment => {
    const { sql, values } = worker.dead();
    return { sql: `${live} and (owner = '' or ${sql})`, values };
  };

  /** Reports an instance once. */
  function passOver({ id, name, key }: Pick<Instance, 'id' | 'name' | 'key'>, reason: string): void {
    if (!passedOver.has(id))
      runtime.observe.log('error', 'saga not taken over: its definition is incompatible with this deployment', {
        saga: name,
        key,
        id,
        reason,
      });
  }

  /** The ids of those that this code can continue. An instance is read only where its definition differs, and one by one, since it may be large. */
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

  /** Why this code cannot continue an instance, and whether that lasts for as long as its row does not change. */
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
          // An owner that was taken for dead may have continued until now.
          const [row] = await own.all(
            `select ${briefColumns}, plan, crashes, case when due <= ? and ${crashed} then 1 else 0 end as died
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
          mine.push({ id, crashes, ...directionOf(briefOf(row)) });
        }
        return mine;
      });
      for (const { id, saga, crashes } of taken) {
        if (!isSuspect(crashes)) continue;
        runtime.observe.log('error', 'a saga may be what kills its processes; running it alone', { saga, id, crashes });
      }
      return taken;
    },
  };
}
