import type { Runtime } from '../core/runtime.ts';
import type { Steady } from './steady.ts';
import type { Store, TransactionOptions } from './store.ts';
import { workerTopic } from './topics.ts';

/** The heartbeat of one worker. */
export interface Heartbeat {
  /** How long ago the last heartbeat was written, in milliseconds. */
  readonly ageMs: number;
  /** The number of the current term; `undefined` while the last heartbeat is too old, and after `close`. */
  term(): number | undefined;
  /** Writes no further heartbeat. */
  close(): Promise<void>;
}

export interface HeartbeatDeps {
  readonly store: Store<unknown, unknown>;
  readonly runtime: Runtime;
  readonly id: string;
  readonly ttlMs: number;
  readonly steadily: Steady;
  readonly options: TransactionOptions;
  /** Called when a heartbeat begins a new term, since one was missed. */
  readonly renewed: () => void;
}

/**
 * A heartbeat that is so many ttls off belongs to a dead worker, whatever clock wrote it. A worker that has lived for so long deletes
 * it: by then the rows of the dead worker have been taken over, and other workers have seen how it ended.
 */
const kept = 100;

/**
 * Writes the first heartbeat of a worker and keeps it going, three beats to a `ttl`; one that fails is tried again at once. A term ends a
 * tenth of the `ttl` before others may take the worker for dead, so that clocks of slightly different speed make no difference.
 */
export async function heartbeat({ store, runtime, id, ttlMs, steadily, options, renewed }: HeartbeatDeps): Promise<Heartbeat> {
  const { clock, observe } = runtime;
  let closed = false;
  /** When the last heartbeat was written: monotonic, and by the clock that goes on while the machine sleeps. */
  let beaten = { monotonic: Number.NEGATIVE_INFINITY, now: 0 };
  let number = 0;
  /** When heartbeats of dead workers are deleted next, monotonic. */
  let pruneAt = clock.monotonic() + kept * ttlMs;

  const isMissed = (): boolean => Math.max(clock.monotonic() - beaten.monotonic, clock.now() - beaten.now) >= ttlMs - ttlMs / 10;

  async function beat(): Promise<void> {
    const trusted = steadily.look();
    let at = beaten;
    await store.transaction(async (tx) => {
      const statements = store.sql(tx);
      const { sql, values } = store.now();
      at = { monotonic: clock.monotonic(), now: clock.now() };
      statements.runAtCommit(
        statements.dialect.upsert({
          table: 'sw_worker',
          columns: 'id, until, ttl',
          key: 'id',
          set: 'until',
          from: `values (?, ${sql} + ?, ?)`,
        }),
        ...[id, ...values, ttlMs, ttlMs],
      );
      // The others learn of a worker that may die.
      if (number === 0) statements.notify(workerTopic);
      if (trusted && at.monotonic >= pruneAt)
        statements.runAtCommit(
          `delete from sw_worker where until < ${sql} - ? or until > ${sql} + ?`,
          ...[...values, kept * ttlMs, ...values, kept * ttlMs],
        );
    }, options);
    if (trusted && at.monotonic >= pruneAt) pruneAt = at.monotonic + (kept / 5) * ttlMs;
    // Until this commit others saw the heartbeat before it.
    const missed = isMissed();
    beaten = at;
    steadily.mark();
    if (!missed) return;
    number++;
    renewed();
  }
  await beat();

  let beating: Promise<void> = Promise.resolve();
  let failures = 0;
  let timer = clock.after(ttlMs / 3, next, { background: true });
  function after(ms: number): void {
    if (!closed) timer = clock.after(ms, next, { background: true });
  }
  function next(): void {
    beating = beat().then(
      () => {
        if (failures > 0) observe.log('info', 'heartbeat written again', { failures });
        failures = 0;
        after(ttlMs / 3);
      },
      (error: unknown) => {
        // It is logged once, since it may go on for long.
        if (++failures === 1) observe.log('error', 'heartbeat failed; retrying. Other processes may take over', { error });
        after(failures === 1 ? 0 : ttlMs / 30);
      },
    );
  }

  return {
    get ageMs() {
      return clock.monotonic() - beaten.monotonic;
    },
    term: () => (closed || isMissed() ? undefined : number),
    async close() {
      closed = true;
      timer.cancel();
      await beating;
    },
  };
}
