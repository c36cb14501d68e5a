import type { Runtime } from '../core/runtime.ts';
import { claim } from '../store/claim.ts';
import { fenced } from '../store/fenced.ts';
import { ownersOf } from '../store/owners.ts';
import type { Fragment, Read, Store, Tx } from '../store/store.ts';
import { crashed, type Worker } from '../store/worker.ts';
import type { Deadlines } from './deadlines.ts';
import { type AnySaga, incompatibility, planOf } from './definition.ts';
import { SagaUnreadable } from './instance.ts';
import { live, liveSagas, type Orphan, orphansOf, readSaga, type Summary, summaryColumns, summaryOf } from './saga-store.ts';
import { isSuspect, suspectFrom } from './schedule.ts';

/** The active instances without a living owner. */
export interface Orphans {
  /** Takes over up to `limit` instances. Those that this code cannot continue wait for code that can. */
  take(limit: number): Promise<readonly Summary[]>;
}

/** Instances that this code cannot continue, with their versions; without a version where the row may be corrected by hand. */
type PassedOver = ReadonlyMap<string, number | undefined>;

export interface OrphansDeps {
  readonly store: Store<unknown, unknown>;
  readonly runtime: Runtime;
  readonly worker: Worker;
  readonly sagas: ReadonlyMap<string, AnySaga>;
  readonly deadlines: Pick<Deadlines, 'reduced'>;
}

/**
 * Returns the orphans that one worker may take. They are claimed one owner at a time: the index `sw_saga_live` has the instances of an
 * owner in the order of `due`, so the cost does not grow with the number of active instances.
 */
export function orphans({ store, runtime, worker, sagas, deadlines }: OrphansDeps): Orphans {
  /** What was passed over, by owner. */
  const passedOver = new Map<string, PassedOver>();
  const definitions = [...sagas.values()].map((saga) => [saga.name, planOf(saga)] as const);
  /** Instances of definitions that this code has as they are. */
  const isKnown: Fragment = {
    sql: definitions.length === 0 ? '1 = 0' : `(${definitions.map(() => '(name = ? and plan = ?)').join(' or ')})`,
    values: definitions.flat(),
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
   * Splits orphans of another definition into those that this code can continue and those that it cannot. They are read one by one, since
   * each may be large.
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
      const why = await whyNot(store.sqlRead, id);
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

  async function claimed(tx: Tx, owner: string, which: Fragment, rows: number): Promise<readonly Summary[]> {
    const [dead, reduced] = [worker.isDead(owner), deadlines.reduced()];
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
          sql: `crashes = crashes + case when crashes < ? and due <= ? and ${crashed} then 1 else 0 end, ${reduced.sql}`,
          values: [suspectFrom, runtime.clock.now(), ...reduced.values],
        },
        columns: summaryColumns,
        size: '0',
      },
      { rows, bytes: 0 },
    );
    return taken.map(summaryOf);
  }

  /** Takes instances of other definitions that this code can continue all the same, unless other code has changed them since they were read. */
  async function takeOthers(owner: string, limit: number): Promise<readonly Summary[]> {
    const before = passedOver.get(owner) ?? new Map();
    const others = await orphansOf(store.sqlRead, owner, { ...isKnown, sql: `not (${isKnown.sql})` }, limit + before.size);
    const { fit, unfit } = await sorted(others, before);
    passedOver.set(owner, unfit);
    if (fit.length === 0) return [];
    return store.transaction(async (tx) => {
      const taken: Summary[] = [];
      for (const { id, version } of fit.slice(0, limit))
        taken.push(...(await claimed(store.sql(tx), owner, { sql: 'id = ? and version = ?', values: [id, version] }, 1)));
      return taken;
    }, fenced);
  }

  async function takeFrom(owner: string, limit: number): Promise<readonly Summary[]> {
    const known = definitions.length === 0 ? [] : await store.transaction((tx) => claimed(store.sql(tx), owner, isKnown, limit), fenced);
    return known.length < limit ? [...known, ...(await takeOthers(owner, limit - known.length))] : known;
  }

  return {
    async take(limit) {
      const query = ownersOf(liveSagas, worker.dead());
      const owners = (await store.sqlRead.all(query.sql, ...query.values)).map(({ owner }) => String(owner));
      for (const owner of passedOver.keys()) if (!owners.includes(owner)) passedOver.delete(owner);
      const taken: Summary[] = [];
      for (const owner of owners) if (taken.length < limit) taken.push(...(await takeFrom(owner, limit - taken.length)));
      for (const { id, name: saga, crashes } of taken)
        if (isSuspect(crashes))
          runtime.observe.log('error', 'a saga may be what kills its processes; running it alone', { saga, id, crashes });
      return taken;
    },
  };
}
