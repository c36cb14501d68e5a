import { type Loop, loop } from '../core/loop.ts';
import type { Runtime } from '../core/runtime.ts';
import { restMs } from './rest.ts';
import type { Steady } from './steady.ts';
import type { Fragment, Store } from './store.ts';
import { workerTopic } from './topics.ts';

/** Returns a condition on rows of `sw_worker` whose worker lives at `now`. A heartbeat further ahead than its `ttl` was written by a wrong clock. */
export const livingRow = ({ sql, values }: Fragment): Fragment => ({
  sql: `until >= ${sql} and until <= ${sql} + 2 * ttl`,
  values: [...values, ...values],
});

/** The time of the database may be rounded, in milliseconds. */
const marginMs = 10;

export interface WatchDeps {
  readonly store: Store<unknown, unknown>;
  readonly runtime: Runtime;
  /** The worker that watches the others. */
  readonly id: string;
  readonly ttlMs: number;
  readonly steadily: Steady;
  /** Called when another worker has closed or died. */
  readonly gone: () => void;
}

/**
 * Watches the other workers of a store. A heartbeat says until when its worker counts as living, so the next look comes at the first
 * moment at which one of them can be dead. A worker that starts after a look is seen before it can be dead, too: by the time of its first
 * heartbeat, or by its notice.
 */
export function watch({ store, runtime, id, ttlMs, steadily, gone }: WatchDeps): Loop {
  let living: ReadonlySet<string> = new Set();
  let dead: ReadonlySet<string> = new Set();

  async function turn(): Promise<number> {
    const now = store.now();
    const lives = livingRow(now);
    const rows = await store.sqlRead.all(
      `select id, case when ${lives.sql} then until - ${now.sql} else -1 end as rest from sw_worker where id <> ?`,
      ...lives.values,
      ...now.values,
      id,
    );
    if (!steadily.look()) return ttlMs;
    const rests = new Map(rows.map((row) => [String(row['id']), Number(row['rest'])]));
    const before = { living, dead };
    living = new Set([...rests].filter(([, rest]) => rest >= 0).map(([one]) => one));
    dead = new Set([...rests].filter(([, rest]) => rest < 0).map(([one]) => one));
    if ([...dead].some((one) => !before.dead.has(one)) || [...before.living].some((one) => !rests.has(one))) gone();
    if (living.size === 0) return store.hears() ? restMs(store) : ttlMs;
    return Math.min(ttlMs, ...[...living].map((one) => Number(rests.get(one)) + marginMs));
  }

  const turns = loop({ runtime, name: 'watch of the other workers', turn });
  const stopListening = store.listen(workerTopic, turns.wake);
  return {
    wake: turns.wake,
    close(signal) {
      stopListening();
      return turns.close(signal);
    },
  };
}
