import { type Loop, loop } from '../core/loop.ts';
import type { Runtime } from '../core/runtime.ts';
import { restMs } from '../store/rest.ts';
import type { Store } from '../store/store.ts';
import type { Worker } from '../store/worker.ts';
import type { Census } from './census.ts';
import type { Deadlines } from './deadlines.ts';
import type { Orphans } from './orphans.ts';
import { pageOf, type Summary, urgentOf } from './saga-store.ts';
import { sagaTopic } from './topics.ts';
import { longestWaitMs } from './waits.ts';

/** Looks in the database for instances that an engine has to take up. */
export interface Lookout extends AsyncDisposable {
  /** Looks at once. */
  wake(): void;
  /** There was no room in memory for an instance: it is looked for again. */
  fallBehind(): void;
  /** Looks in `ms` at the latest: an instance is late then. */
  expect(ms: number): void;
  close(): Promise<void>;
}

export interface LookoutDeps {
  readonly store: Store<unknown, unknown>;
  readonly runtime: Runtime;
  readonly worker: Worker;
  readonly orphans: Orphans;
  readonly deadlines: Deadlines;
  readonly census: Census;
  /** Whether the row of an instance cannot be read. */
  readonly isAside: (id: string) => boolean;
  /** Runs an instance when it is due, unless it runs or waits already. */
  readonly takeUp: (found: Summary) => void;
  /** Ends the wait of an instance that was hurried, or interrupts one that is to be stopped. */
  readonly interrupt: (found: Summary) => void;
}

/** The wait before the next look where something is left to do. */
const soonMs = 1000;
/** How often an engine that hears other processes looks for what nothing reported. */
const thoroughMs = 30_000;
/** How many instances are read at one time. */
const batch = 500;
/** How many times that many are read at one look while memory has no room for all that are due. */
const pagesBehind = 4;
const jumpMs = 1000;
const start = { due: -1, id: '' };

/**
 * Takes over instances without a living owner; interrupts those that are late, to be stopped or hurried; and takes up those of this worker
 * that come due within the longest wait and are not in memory: they found no room there, or nothing reported them.
 */
export function lookout({ store, runtime, worker, orphans, deadlines, census, isAside, takeUp, interrupt }: LookoutDeps): Lookout {
  const { clock, observe } = runtime;
  let first = true;
  /** The instances up to this place were looked at. */
  let seen = start;
  /** Some found no room, in this pass over the instances or the one before. */
  let behind = false;
  let refused = false;
  /** The clock was set back, and the rows that it wrote lie far ahead: this pass looks at all rows. */
  let everything = false;
  let offset = clock.now() - clock.monotonic();
  /** When the next look is planned, when a thorough one is due, and when the next instance is late; monotonic. */
  let [nextAt, thoroughAt, lateAt] = [0, 0, 0];

  function watchClock(): void {
    const now = clock.now() - clock.monotonic();
    if (now < offset - jumpMs) [everything, seen] = [true, start];
    offset = now;
  }

  /** Looks at one page. Returns whether the pass goes on. */
  async function page(): Promise<boolean> {
    const until = everything ? Number.MAX_SAFE_INTEGER : clock.now() + longestWaitMs;
    const rows = await pageOf(store.sqlRead, worker.id, { after: seen, until }, batch);
    for (const one of rows) takeUp(one);
    const last = rows.at(-1);
    if (last && rows.length === batch) {
      seen = last;
      return true;
    }
    [seen, behind, refused, everything] = [start, refused, false, false];
    return false;
  }

  async function turn(): Promise<number> {
    const rest = restMs(store);
    if (worker.term() === undefined) return rest;
    watchClock();
    const taken = await orphans.take(batch);
    observe.count('seaworthy_saga_taken_over_total', {}, taken.length);
    // The start takes over as well, which is not news.
    if (!first && taken.length > 0) observe.log('info', 'sagas of a process that has ended were taken over', { sagas: taken.length });
    first = false;
    const thorough = clock.monotonic() >= thoroughAt || behind || everything || seen !== start;
    if (thorough || taken.length > 0 || clock.monotonic() >= lateAt) lateAt = clock.monotonic() + (await deadlines.check());
    for (const one of taken) takeUp(one);
    for (const one of await urgentOf(store.sqlRead, worker.id, batch)) if (!isAside(one.id)) interrupt(one);
    let more = thorough;
    for (let pages = behind ? pagesBehind : 1; more && pages > 0; pages--) more = await page();
    if (thorough && !more) thoroughAt = clock.monotonic() + (store.hears() ? thoroughMs : 0);
    await census.take(isAside);
    const waitMs = taken.length === batch ? 0 : Math.min(more || behind ? soonMs : rest, Math.max(0, lateAt - clock.monotonic()));
    nextAt = clock.monotonic() + waitMs;
    return waitMs;
  }

  const turns: Loop = loop({ runtime, name: 'saga poll', turn });
  const stops = [store.listen(sagaTopic, turns.wake), worker.onTerm(turns.wake), worker.onGone(turns.wake)];
  const close = async (): Promise<void> => {
    for (const stop of stops) stop();
    await turns.close();
  };
  return {
    wake: turns.wake,
    fallBehind() {
      refused = true;
      if (!behind) turns.wake();
      behind = true;
    },
    expect(ms) {
      lateAt = Math.min(lateAt, clock.monotonic() + ms);
      if (lateAt < nextAt) turns.wake();
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
