import type { Runtime } from '../core/runtime.ts';
import { claim } from '../store/claim.ts';
import type { Fragment, Read, Store, Tx } from '../store/store.ts';
import { crashed, type Worker } from '../store/worker.ts';
import { type AnySaga, incompatibility, isPlanOf, planOf } from './definition.ts';
import { SagaUnreadable } from './instance.ts';
import { live, type Orphan, orphansOf, ownersOfLive, readSaga, summaryColumns, summaryOf } from './saga-store.ts';
import { type Direction, directionOf, isSuspect, suspectFrom } from './schedule.ts';

/** An instance that was taken over. */
export interface Taken extends Direction {
  readonly id: string;
  /** How many processes died while they had the instance in flight. */
  readonly crashes: number;
}

/** The active instances without a living owner. */
export interface Orphans {
  /** Takes over up to `limit` instances. Those that this code cannot continue wait for code that can. */
  take(limit: number): Promise<readonly Taken[]>;
}

/** Instances that this code cannot continue, with their versions; without a version where the row may be corrected by hand. */
type PassedOver = ReadonlyMap<string, number | undefined>;

/**
 * Returns the orphans that one worker may take. They are read and claimed one owner at a time: the index `sw_saga_live` has the instances
 * of an owner in the order of `due`, so the cost does not grow with the number of active instances.
 */
export function orphans(store: Store<unknown, unknown>, runtime: Runtime, worker: Worker, sagas: ReadonlyMap<string, AnySaga>): Orphans {
  /** What was passed over, by owner. */
  const passedOver = new Map<string, PassedOver>();
  const isKnown = ({ name, plan }: Orphan): boolean => isPlanOf(sagas.get(name), plan);

  const free = (): Fragment => {
    const { sql, values } = worker.dead();
    return { sql: `(owner = '' or ${sql})`, values };
  };

  /** Returns why this code cannot continue an instance, and whether that lasts for as long as its row does not change. */
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

  /**
   * Splits the orphans of one owner into those that this code can continue and those that it cannot. An instance is read only where its
   * definition differs, and one by one, since it may be large.
   */
  async function sorted(
    rows: readonly Orphan[],
    before: PassedOver,
  ): Promise<{ readonly fit: readonly Orphan[]; readonly unfit: PassedOver }> {
    const unfit = new Map<string, number | undefined>();
    const fit: Orphan[] = [];
    for (const row of rows) {
      const { id, version, name: saga, key } = row;
      if (before.get(id) === version) {
        unfit.set(id, version);
        continue;
      }
      const why = isKnown(row) ? undefined : await whyNot(store.sqlRead, id);
      if (why === undefined) {
        fit.push(row);
        continue;
      }
      unfit.set(id, why.lasting ? version : undefined);
      const { reason } = why;
      const message = 'saga not taken over: its definition is incompatible with this deployment';
      if (!before.has(id)) runtime.observe.log('error', message, { saga, key, id, reason });
    }
    return { fit, unfit };
  }

  /** Returns conditions that hold for what may be claimed, and not for an instance that other code has changed since it was read. */
  function claimable(fit: readonly Orphan[]): readonly Fragment[] {
    const known = fit.filter(isKnown);
    const others = fit.filter((one) => !isKnown(one)).map(({ id, version }) => ({ sql: 'id = ? and version = ?', values: [id, version] }));
    if (known.length === 0) return others;
    const definitions = [...new Set(known.map(({ name }) => name))].map((name) => [name, planOf(sagas.get(name) as AnySaga)] as const);
    const plans = definitions.map(() => '(name = ? and plan = ?)').join(' or ');
    const ids = known.map(({ id }) => id);
    return [{ sql: `id in (${ids.map(() => '?').join(', ')}) and (${plans})`, values: [...ids, ...definitions.flat()] }, ...others];
  }

  async function claimed(tx: Tx, owner: string, which: Fragment, rows: number): Promise<readonly Taken[]> {
    const dead = free();
    const taken = await claim(
      tx,
      {
        table: 'sw_saga',
        key: ['id'],
        live: { sql: `${live} and ${which.sql}`, values: which.values },
        // An owner that was taken for dead may have continued until now.
        owner: { sql: `owner = ? and ${dead.sql}`, values: [owner, ...dead.values] },
        worker: worker.id,
        // A suspect's death was written before its run.
        set: {
          sql: `crashes = crashes + case when crashes < ? and due <= ? and ${crashed} then 1 else 0 end`,
          values: [suspectFrom, runtime.clock.now()],
        },
        columns: `${summaryColumns}, crashes`,
        size: '0',
      },
      { rows, bytes: 0 },
    );
    return taken.map((row) => ({ id: String(row['id']), crashes: Number(row['crashes']), ...directionOf(summaryOf(row)) }));
  }

  async function takeFrom(owner: string, limit: number): Promise<readonly Taken[]> {
    const before = passedOver.get(owner) ?? new Map();
    const { fit, unfit } = await sorted(await orphansOf(store.sqlRead, owner, limit + before.size), before);
    passedOver.set(owner, unfit);
    const some = claimable(fit.slice(0, limit));
    if (some.length === 0) return [];
    return store.transaction(async (tx) => {
      const taken: Taken[] = [];
      for (const which of some) taken.push(...(await claimed(store.sql(tx), owner, which, limit)));
      return taken;
    });
  }

  return {
    async take(limit) {
      const owners = await ownersOfLive(store.sqlRead, free());
      for (const owner of passedOver.keys()) if (!owners.includes(owner)) passedOver.delete(owner);
      const taken: Taken[] = [];
      for (const owner of owners) if (taken.length < limit) taken.push(...(await takeFrom(owner, limit - taken.length)));
      for (const { id, saga, crashes } of taken)
        if (isSuspect(crashes))
          runtime.observe.log('error', 'a saga may be what kills its processes; running it alone', { saga, id, crashes });
      return taken;
    },
  };
}
