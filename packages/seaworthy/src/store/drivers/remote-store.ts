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
import type { Fragment, Migration, Row, Store, TransactionOptions, Tx, Values } from '../store.ts';
import { Topics } from '../topics.ts';
import { copyOf, TxState } from '../tx-state.ts';
import type { Lanes } from './lanes.ts';
import { RemoteRun } from './remote-run.ts';
import { Again, type Beginning, type Session } from './remote-session.ts';
import type { Leave, Slots } from './slots.ts';
import { Turnstile } from './turnstile.ts';

/** What differs between databases on a network. */
export interface Engine {
  readonly dialect: Dialect;
  readonly lanes: Lanes;
  /** Lends a connection to a transaction, or to a query outside of one. Rejects with `StoreUnusable` when the database cannot be reached. */
  session(beginning?: Beginning): Promise<Session>;
  now(): Fragment;
  condition(): Condition;
  /** Applies migrations, by transactions of `store` where the engine can. */
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

interface Inside {
  readonly slots: Slots;
  open: boolean;
  readonly outer: Inside | undefined;
}

const within = new AsyncLocalStorage<Inside>();

/** The transactions that are open in the calling function, whatever it awaits, the innermost first. */
function openAround(): readonly Inside[] {
  const all: Inside[] = [];
  for (let one = within.getStore(); one; one = one.outer) if (one.open) all.push(one);
  return all;
}

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
        if (cause === undefined && !isA(error, StoreUnusable)) throw error;
        if (signal?.aborted) throw signal.reason;
        if (lost >= connectionsAtMost || closing)
          throw cause === undefined ? error : new StoreUnusable(`the connection to the database of ${service} was lost`, { cause });
        await sleep(clock, backoffMs(reconnectWait, lost, random), signal);
      }
    }
  }

  /** Runs `work` until it meets no other transaction; after several runs by `alone`. */
  async function unconflicted<V>(work: () => Promise<V>, signal: AbortSignal | undefined, alone = work): Promise<V> {
    for (let runs = 1; ; runs++) {
      try {
        return await (runs > runsBesideOthers ? alone() : work());
      } catch (error) {
        if (!isA(error, Again) || error.reason !== 'conflict') throw error;
        observe.count('seaworthy_store_conflicts_total', { service });
        await sleep(clock, backoffMs(rerunWait, runs, random), signal);
      }
    }
  }

  /** Lends a connection, to a query when it is given no beginning. When the signal aborts first, whoever comes next has it. */
  async function lend(signal: AbortSignal | undefined, beginning?: Beginning): Promise<Session> {
    const coming = engine.session(beginning);
    if (!signal) return coming;
    try {
      return await orAborted(coming, signal);
    } catch (error) {
      coming.then(
        (session) => session.release(),
        () => {},
      );
      throw error;
    }
  }

  async function once<V>(
    work: (tx: Tx) => Promise<V>,
    { signal, isolation = 'serializable', lane, durable = true }: TransactionOptions,
  ): Promise<Committed<V>> {
    const state = new TxState((error) => observe.log('error', error.message, { service, error }));
    const session = await lend(signal, { isolation, certain: lane !== 'own', durable });
    const value = await new RemoteRun({ session, dialect: engine.dialect, state, signal }).commit(work);
    return { value, notices: state.notices };
  }

  async function enter({ signal, lane = 'shared' }: TransactionOptions): Promise<Leave> {
    const slots = engine.lanes[lane];
    const around = openAround();
    if (slots.full && around.some((outer) => outer.slots === slots))
      throw new TransactionNested(
        `a transaction of ${service} was begun inside another one, which has to wait for it, while all connections are in use: use the \`tx\` of the outer one, or begin it after the outer one has ended`,
      );
    // One that is inside another is never held up: the outer one may be the one that runs alone.
    const beside = lane === 'own' || around.length > 0 ? undefined : turnstile;
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
    const { signal, lane = 'shared' } = options;
    const leave = await enter(options);
    const here: Inside = { slots: engine.lanes[lane], open: true, outer: openAround()[0] };
    const run = (): Promise<Committed<V>> => once(work, options);
    const alone = lane === 'own' ? run : () => turnstile.alone(run, signal);
    let committed: Committed<V>;
    try {
      committed = await within.run(here, () => persistently(() => unconflicted(run, signal, alone), signal));
    } finally {
      here.open = false;
      leave();
    }
    // Whoever is woken may begin a transaction at once, which is not inside this one.
    for (const topic of committed.notices) notify(topic);
    return committed.value;
  }

  async function query(sql: string, values: Values, signal: AbortSignal | undefined): Promise<readonly Row[]> {
    const session = await lend(signal);
    let done = false;
    const rows = session.all(sql, values).finally(() => {
      done = true;
    });
    try {
      return await (signal ? orAborted(rows, signal) : rows);
    } finally {
      if (done) session.release();
      else session.abandon();
    }
  }

  const read = readerBy((sql, values, signal) =>
    busy(async () => {
      const now = values.map(copyOf);
      const leave = await engine.lanes.read.enter(signal);
      try {
        return await persistently(() => unconflicted(() => query(sql, now, signal), signal), signal);
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
