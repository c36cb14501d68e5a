import { AsyncLocalStorage } from 'node:async_hooks';
import { orAborted } from '../../core/abort.ts';
import { backoffMs } from '../../core/backoff.ts';
import type { Condition } from '../../core/condition.ts';
import type { Runtime } from '../../core/runtime.ts';
import { sleep } from '../../core/sleep.ts';
import { isA } from '../../core/thrown.ts';
import type { Dialect } from '../dialect.ts';
import { StoreClosed, StoreUnusable, TransactionNested } from '../errors.ts';
import { readerBy } from '../read-by.ts';
import type { Fragment, Migration, Store, TransactionOptions, Tx } from '../store.ts';
import { Topics } from '../topics.ts';
import { TxState } from '../tx-state.ts';
import { RemoteRun } from './remote-run.ts';
import { Again, type Session } from './remote-session.ts';
import type { Leave, Slots } from './slots.ts';
import { Turnstile } from './turnstile.ts';

/** The lanes of a process: so many connections for each kind of work. */
export interface Lanes {
  readonly shared: Slots;
  readonly own: Slots;
  readonly read: Slots;
}

/** What differs between databases on a network. */
export interface Engine {
  readonly dialect: Dialect;
  readonly lanes: Lanes;
  /** Lends a connection. Rejects with `StoreUnusable` when the database cannot be reached. */
  session(): Promise<Session>;
  now(): Fragment;
  condition(): Condition;
  /** Applies migrations by transactions of `store`. */
  migrate(store: Store, migrations: readonly Migration[]): Promise<void>;
  /** Tells other processes of a notice. */
  announce(topic: string): void;
  /** Calls `heard` for each notice of another process, and without a topic when some may have been lost. Returns a function that ends it. */
  hear(heard: (topic?: string) => void): () => void;
  /** Whether notices of other processes are heard at the moment. */
  hears(): boolean;
  close(): Promise<void>;
}

/** Waits between the runs of a transaction that met others. */
const rerunWait = { baseMs: 4, capMs: 250, jitter: 'full' } as const;
/** Waits for a database that cannot be reached: about two seconds in all. */
const reconnectWait = { baseMs: 100, capMs: 1000, jitter: 'equal' } as const;
/** The number of times that a transaction or a query is given another connection. */
const connectionsAtMost = 5;
/** After so many runs a transaction runs alone in its process. */
const runsBesideOthers = 4;

interface Context {
  readonly service: string;
  readonly runtime: Runtime;
  readonly engine: Engine;
}

interface Committed<V> {
  readonly value: V;
  /** The topics to notify. */
  readonly notices: readonly string[];
}

/** The transactions that are open in the calling function, whatever it awaits. */
const within = new AsyncLocalStorage<{ readonly slots: Slots; open: boolean }>();

export function openRemote({ service, runtime, engine }: Context): Store {
  const { clock, observe, random } = runtime;
  const topics = new Topics(observe);
  const turnstile = new Turnstile(clock);
  const stopHearing = engine.hear((topic) => (topic === undefined ? topics.notifyAll() : topics.notify(topic)));
  let closing: Promise<void> | undefined;
  let running = 0;
  let idle = (): void => {};
  const refuseClosed = (): void => {
    if (closing) throw new StoreClosed(`the store of ${service} is closed`);
  };
  const notify = (topic: string): void => {
    topics.notify(topic);
    engine.announce(topic);
  };

  async function busy<V>(work: () => Promise<V>): Promise<V> {
    refuseClosed();
    running++;
    try {
      return await work();
    } finally {
      if (--running === 0) idle();
    }
  }

  /** Runs `work` again with another connection as long as there is hope. */
  async function persistently<V>(work: () => Promise<V>, signal: AbortSignal | undefined): Promise<V> {
    for (let lost = 1; ; lost++) {
      try {
        return await work();
      } catch (error) {
        const cause = isA(error, Again) && error.reason === 'connection' ? error.cause : undefined;
        if ((cause === undefined && !isA(error, StoreUnusable)) || signal?.aborted) throw error;
        if (lost >= connectionsAtMost || closing)
          throw cause === undefined ? error : new StoreUnusable(`the connection to the database of ${service} was lost`, { cause });
        await sleep(clock, backoffMs(reconnectWait, lost, random), signal);
      }
    }
  }

  async function once<V>(
    work: (tx: Tx) => Promise<V>,
    { signal, isolation = 'serializable', lane, durable = true }: TransactionOptions,
  ): Promise<Committed<V>> {
    const state = new TxState((error) => observe.log('error', error.message, { service, error }));
    const session = await engine.session();
    if (signal?.aborted) {
      session.release();
      throw signal.reason;
    }
    const beginning = { isolation, certain: lane !== 'own', durable };
    const value = await new RemoteRun({ session, dialect: engine.dialect, state, beginning, signal }).commit(work);
    return { value, notices: state.notices };
  }

  /** Runs the work until it meets no other transaction. */
  async function unconflicted<V>(work: (tx: Tx) => Promise<V>, options: TransactionOptions): Promise<Committed<V>> {
    const { signal } = options;
    for (let runs = 1; ; runs++) {
      try {
        const run = (): Promise<Committed<V>> => once(work, options);
        return await (runs > runsBesideOthers && options.lane !== 'own' ? turnstile.alone(run) : run());
      } catch (error) {
        if (!isA(error, Again) || error.reason !== 'conflict') throw error;
        observe.count('seaworthy_store_conflicts_total', { service });
        await sleep(clock, backoffMs(rerunWait, runs, random), signal);
      }
    }
  }

  async function enter({ signal, lane = 'shared' }: TransactionOptions): Promise<Leave> {
    const slots = engine.lanes[lane];
    const outer = within.getStore();
    if (slots.full && outer?.open && outer.slots === slots)
      throw new TransactionNested(
        `a transaction of ${service} was begun inside another one, which has to wait for it, while all connections are in use: use the \`tx\` of the outer one, or begin it after the outer one has ended`,
      );
    const beside = lane === 'own' ? undefined : turnstile;
    await beside?.enter(signal);
    try {
      const leave = await slots.enter(signal);
      return () => {
        leave();
        beside?.leave();
      };
    } catch (error) {
      beside?.leave();
      throw error;
    }
  }

  async function transaction<V>(work: (tx: Tx) => Promise<V>, options: TransactionOptions): Promise<V> {
    const leave = await enter(options);
    const here = { slots: engine.lanes[options.lane ?? 'shared'], open: true };
    let committed: Committed<V>;
    try {
      committed = await within.run(here, () => persistently(() => unconflicted(work, options), options.signal));
    } finally {
      here.open = false;
      leave();
    }
    // Whoever is woken may begin a transaction at once, which is not inside this one.
    for (const topic of committed.notices) notify(topic);
    return committed.value;
  }

  const read = readerBy((sql, values, signal) =>
    busy(async () => {
      const leave = await engine.lanes.read.enter(signal);
      const query = async () => {
        const session = await engine.session();
        const rows = session.all(sql, values);
        let done = false;
        const settled = rows.finally(() => {
          done = true;
        });
        try {
          return await (signal ? orAborted(settled, signal) : settled);
        } finally {
          if (done) session.release();
          else session.abandon();
        }
      };
      try {
        return await persistently(query, signal);
      } finally {
        leave();
      }
    }),
  );

  const store: Store = {
    dialect: engine.dialect,
    read,
    sqlRead: read,
    sql: (tx) => tx,
    condition: () => engine.condition(),
    now: () => engine.now(),
    listen: (topic, wake) => topics.listen(topic, wake),
    hears: () => engine.hears(),
    notify,
    transaction: (work, options = {}) => busy(() => transaction(work, options)),
    migrate: (migrations) => engine.migrate(store, migrations),
    close() {
      closing ??= (async () => {
        if (running > 0) await new Promise<void>((resolve) => (idle = resolve));
        stopHearing();
        await engine.close();
      })();
      return closing;
    },
  };
  return store;
}
