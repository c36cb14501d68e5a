import type { Caller } from '../client/caller.ts';
import type { Contract, Members } from '../contract/contract.ts';
import { type Scope, scope } from '../core/abort.ts';
import { InFlight } from '../core/in-flight.ts';
import { type Loop, loop } from '../core/loop.ts';
import type { TraceContext } from '../core/trace.ts';
import { type Alone, alone as aPlace } from '../outbox/suspects.ts';
import { isDue, isFar, waitOf } from '../store/due.ts';
import type { Isolation, Store, Tx } from '../store/store.ts';
import type { Worker } from '../store/worker.ts';
import { type Deadlines, deadlines } from './deadlines.ts';
import { type AnySaga, SagaInvalid, type Start, type Stop, verifyVersions } from './definition.ts';
import { drive, type Next } from './executor.ts';
import { type Instance, SagaUnreadable, shownOf } from './instance.ts';
import { journalWriter } from './journal-writer.ts';
import { hurried } from './machine.ts';
import { type Orphans, orphans } from './orphans.ts';
import type { SagaDeps } from './saga-run.ts';
import { bytesOf, countSagas, instancesOf, live, lostRows, readSaga, takeDeathBack, writeDeath } from './saga-store.ts';
import { type Direction, directionOf, isSuspect, type Lanes, lanes, type Room, room, type Suspects, suspects } from './schedule.ts';
import { collectStarts, type Defined, type StartsDeps } from './starts.ts';
import { SagaStopping, type Tracing } from './step-run.ts';
import { longestWaitMs } from './waits.ts';

/** The starts and stops of one run of one handler. */
export interface Started {
  readonly start: Start;
  readonly stop: Stop;
  /** Writes them in the handler's transaction, with the local steps that a saga begins with. Returns how many there were. */
  write(tx: Tx): Promise<number>;
  /** Takes up at once what was started and stopped. Call it after the commit. */
  committed(): void;
}

/** What an engine needs to run the sagas of a service. */
export interface EngineDeps extends Tracing {
  readonly store: Store<unknown, unknown>;
  readonly contract: Contract<string, Members>;
  readonly sagas: readonly AnySaga[];
  readonly call: Caller;
  readonly worker: Worker;
  /** How many instances may be active at one time, in shares; see schedule.ts. Default 256. */
  readonly concurrency?: number | undefined;
  /** How many processes may die while they run one step, or its undo, before it is not run again: 3 or more. Default 5. */
  readonly crashes?: number | undefined;
  /** Lets one suspect of the process run at a time. Default: for this engine alone. */
  readonly alone?: Alone | undefined;
  /** The largest event that the bus takes, in bytes: `bus.features.maxBytes`. Default: any size. */
  readonly maxBytes?: number | undefined;
  /** The isolation of transactions with local steps. Default `serializable`. */
  readonly isolation?: Isolation | undefined;
}

const pollMs = 1000;
/** How many instances one poll takes of each kind. */
const batch = 500;
/** How many bytes of instances are in memory at one time. Each direction of each saga has its share. */
const mostBytes = 16 * 2 ** 20;
/** The wait, in milliseconds, before an instance that cannot be read is read again. */
const asideMs = 30_000;
/** How many instances in an unknown state are reported. */
const lostAtMost = 100;
/** The place before the first instance that is due. */
const unseen = { due: 0, id: '' };

/** Returns a number of crashes. Throws `SagaInvalid` for one after which the saga to blame is not known. */
function crashesOf(crashes: number): number {
  if (Number.isSafeInteger(crashes) && crashes >= 3) return crashes;
  throw new SagaInvalid(
    `sagas.crashes must be a whole number of 3 or more, got ${crashes}: after fewer deaths the saga to blame is not known`,
  );
}

/** An instance as it was written or read in a term of the worker. */
interface Fresh {
  readonly instance: Instance;
  readonly term: number | undefined;
}

/** Runs the sagas of one service in this process. */
export class SagaEngine {
  readonly #given: EngineDeps;
  readonly #deps: SagaDeps;
  readonly #sagas: ReadonlyMap<string, Defined>;
  readonly #starting: StartsDeps;
  readonly #deadlines: Deadlines;
  readonly #orphans: Orphans;
  readonly #lanes: Lanes;
  readonly #suspects: Suspects;
  readonly #inFlight: InFlight;
  readonly #rooms = new Map<string, Room>();
  /** The ids of instances whose rows cannot be read. */
  readonly #aside = new Set<string>();
  readonly #closing = new AbortController();
  #lost: ReadonlySet<string> = new Set();
  #seen = unseen;
  #stuck = 0;
  #live = 0;
  #polled = false;
  #polling: Loop | undefined;
  #verified: Promise<void> | undefined;
  #gauges: readonly (() => void)[] = [];
  #stopListening = (): void => {};

  constructor(given: EngineDeps) {
    const { store, runtime, worker, sagas, concurrency = 256, crashes = 5, alone = aPlace() } = given;
    this.#given = given;
    this.#deps = { ...given, crashes: crashesOf(crashes), journal: journalWriter(store) };
    this.#sagas = new Map(sagas.map((saga) => [saga.name, saga as Defined]));
    this.#deadlines = deadlines(store, runtime, worker);
    this.#starting = { ...this.#deps, sagas: this.#sagas, owner: worker.id, deadlines: this.#deadlines };
    this.#orphans = orphans({ store, runtime, worker, sagas: this.#sagas, deadlines: this.#deadlines });
    this.#lanes = lanes(sagas, concurrency);
    this.#inFlight = new InFlight({ clock: runtime.clock });
    const run = ({ id, direction }: { readonly id: string; readonly direction: Direction }): Promise<void> =>
      this.#run(id, direction, (stop) => this.#aloneIn(id, direction, stop));
    this.#suspects = suspects({ alone, closing: this.#closing.signal, run });
  }

  /** Collects the starts and stops of one run of a handler in its transaction, as a part of `trace`. */
  collect(tx: unknown, trace?: TraceContext): Started {
    const { fresh, ignored, stopped, start, stop, write } = collectStarts(this.#starting, tx, trace);
    const term = this.#given.worker.term();
    const committed = (): void => {
      for (const one of ignored) this.#given.runtime.observe.log('warn', 'saga not started: an instance of its key has another input', one);
      // An instance that was stopped in the same transaction is read again, since its row says so and `fresh` does not.
      const halted = new Set(stopped.map(({ id }) => id));
      for (const one of fresh) this.#enqueue(one.id, directionOf(one), halted.has(one.id) ? undefined : { instance: one, term });
      for (const { id, saga } of stopped)
        if (this.#inFlight.isDelayed(id) || this.#lanes.has(id) || this.#inFlight.has(id)) this.#halt(id, saga);
    };
    return { start, stop, write, committed };
  }

  /** Checks once whether this code can continue every active saga; changes nothing. Throws `SagaStranded`. */
  verify(): Promise<void> {
    this.#verified ??= verifyVersions(this.#given.store.sqlRead, this.#given.sagas);
    return this.#verified;
  }

  /** Verifies, takes up what an earlier process left, and runs sagas from then on. Throws `SagaStranded`. */
  async begin(): Promise<void> {
    await this.verify();
    const { runtime, worker, sagas } = this.#given;
    const { observe } = runtime;
    this.#gauges = [
      observe.gauge('seaworthy_saga_active', {}, () => this.#lanes.active),
      ...sagas.map(({ name }) => observe.gauge('seaworthy_saga_waiting', { saga: name }, () => this.#lanes.waiting(name))),
      observe.gauge('seaworthy_saga_unreadable', {}, () => new Set([...this.#aside, ...this.#lost]).size),
      observe.gauge('seaworthy_saga_live', {}, () => this.#live),
      observe.gauge('seaworthy_saga_stuck', {}, () => this.#stuck),
      observe.gauge('seaworthy_saga_suspect', {}, () => this.#suspects.size),
    ];
    this.#polling = loop({ runtime, name: 'saga poll', turn: () => this.#poll() });
    this.#stopListening = worker.onTerm(() => {
      this.#polling?.wake();
      this.#runNext();
    });
  }

  /** Begins no further step and waits for those that run; aborts them when `signal` aborts. Nothing counts as failed. */
  async close(signal?: AbortSignal): Promise<void> {
    this.#closing.abort();
    this.#stopListening();
    const drained = this.#inFlight.close(signal);
    await this.#polling?.close();
    await Promise.all([drained, this.#suspects.close()]);
    for (const remove of this.#gauges) remove();
  }

  /** Adds an instance to its lane. `fresh` is the instance as it was just written, which saves reading it if it runs at once. */
  #enqueue(id: string, direction: Direction, fresh?: Fresh): void {
    if (this.#inFlight.isDelayed(id) || this.#inFlight.has(id) || this.#suspects.has(id)) return;
    this.#lanes.add(id, direction);
    this.#runNext(fresh);
  }

  /** Runs the instances whose turn it is. None begins after a missed heartbeat, when other processes may have taken them over. */
  #runNext(fresh?: Fresh): void {
    while (!this.#closing.signal.aborted && this.#given.worker.term() !== undefined) {
      const one = this.#lanes.next();
      if (!one) return;
      const { id, direction } = one;
      this.#run(id, direction, (stop) => this.#inLane(id, direction, id === fresh?.instance.id ? fresh : undefined, stop));
    }
  }

  /** Ends the wait of an instance. */
  #hurry(id: string, direction: Direction): void {
    this.#inFlight.cancel(id);
    this.#enqueue(id, direction);
  }

  /** Aborts the run of an instance that is to be stopped, or ends its wait. */
  #halt(id: string, saga: string): void {
    this.#inFlight.abort(id, new SagaStopping(`the saga ${id} is stopped: its running step is aborted`));
    this.#hurry(id, { saga, back: true });
  }

  async #run(id: string, direction: Direction, work: (stop: Scope) => Promise<Next>): Promise<void> {
    const term = this.#given.worker.term();
    const next = await this.#inFlight.run(id, (stop) => work(stop).catch((error: unknown) => this.#failed(id, direction, error)));
    this.#lanes.leave(id);
    if (next && 'suspect' in next) this.#suspects.add({ id, direction, crashes: next.suspect.crashes });
    else if (next && 'turned' in next) this.#enqueue(id, directionOf(next.turned), { instance: next.turned, term });
    else if (next) this.#inFlight.later(id, next.ms, () => this.#enqueue(id, direction));
    this.#runNext();
  }

  #failed(id: string, { saga }: Direction, error: unknown): Next {
    const { observe } = this.#given.runtime;
    if (!(error instanceof SagaUnreadable)) {
      observe.log('error', 'saga could not read or write its journal; retrying in 1 s', { id, error });
      return { ms: pollMs };
    }
    // It is reported once, and read again every half minute: its row may be corrected.
    if (!this.#aside.has(id) && !this.#lost.has(id)) observe.log('error', 'saga cannot be read; leaving it aside', { saga, id, error });
    this.#aside.add(id);
    return { ms: asideMs };
  }

  /** Waits until there is room for the bytes of an instance. Returns a function that gives the room back. */
  async #enter(id: string, { saga, back }: Direction, stop: Scope): Promise<() => void> {
    const { store, runtime } = this.#given;
    const name = `${saga} ${back}`;
    const shared = this.#rooms.get(name) ?? room(mostBytes / 2 / this.#sagas.size);
    this.#rooms.set(name, shared);
    const bytes = await bytesOf(store.sqlRead, id);
    const waiting = scope({ clock: runtime.clock, parents: [stop, this.#closing.signal] });
    return shared.take(bytes, waiting.signal).finally(() => waiting.end());
  }

  /** Runs an instance beside others. A suspect is given back, to run alone. */
  async #inLane(id: string, direction: Direction, fresh: Fresh | undefined, stop: Scope): Promise<Next> {
    const term = this.#given.worker.term();
    if (fresh && fresh.term === term) return this.#continue(id, direction, fresh, stop);
    const leave = await this.#enter(id, direction, stop);
    try {
      const instance = this.#closing.signal.aborted ? undefined : await readSaga(this.#given.store.sqlRead, id);
      if (instance && isSuspect(instance.crashes)) return { suspect: instance };
      return await this.#continue(id, direction, instance && { instance, term }, stop);
    } finally {
      leave();
    }
  }

  /** Runs a suspect while no other suspect of the process runs. Its death is written before the run, and taken back after it. */
  async #aloneIn(id: string, direction: Direction, stop: Scope): Promise<Next> {
    const { store, worker } = this.#given;
    const term = worker.term();
    if (term === undefined) return { ms: 0 };
    const leave = await this.#enter(id, direction, stop);
    let written: number | undefined;
    try {
      written = await store.transaction((tx) => writeDeath(store.sql(tx), worker.id, id));
      const instance = written === undefined || this.#closing.signal.aborted ? undefined : await readSaga(store.sqlRead, id);
      const before = instance && { instance: { ...instance, crashes: instance.crashes - 1 }, term };
      return await this.#continue(id, direction, before, stop);
    } finally {
      leave();
      const crashes = written;
      if (crashes !== undefined) await store.transaction((tx) => takeDeathBack(store.sql(tx), worker.id, id, crashes));
    }
  }

  async #continue(id: string, { back }: Direction, fresh: Fresh | undefined, stop: Scope): Promise<Next> {
    const { worker, runtime } = this.#given;
    const instance = fresh?.instance;
    this.#aside.delete(id);
    if (!instance || instance.owner !== worker.id || (instance.state !== 'running' && instance.state !== 'undoing')) return undefined;
    if (directionOf(instance).back !== back) return { turned: instance };
    const early = waitOf({ due: instance.due, written: instance.changed }, runtime.clock.now());
    // A stop does not wait for its time; the undo that follows does.
    if (early > 0 && (instance.stopping === undefined || instance.state === 'undoing')) return { ms: early };
    const saga = this.#sagas.get(instance.name) as AnySaga;
    const isOwn = (): boolean => fresh?.term !== undefined && worker.term() === fresh.term;
    return drive(this.#deps, saga, instance, { stop, closing: this.#closing.signal, cut: this.#inFlight.cut, isOwn });
  }

  /**
   * Takes over instances without a living owner, and takes up those of this process that no wake-up reported. Returns the milliseconds
   * until the next poll.
   */
  async #poll(): Promise<number> {
    const { store, runtime, worker } = this.#given;
    const { observe } = runtime;
    if (worker.term() === undefined) return pollMs;
    const now = runtime.clock.now();
    const taken = await this.#orphans.take(batch);
    observe.count('seaworthy_saga_taken_over_total', {}, taken.length);
    // `SagaEngine.begin` takes over as well, which is not news.
    if (this.#polled && taken.length > 0) observe.log('info', 'sagas of a process that has ended were taken over', { sagas: taken.length });
    this.#polled = true;
    await this.#deadlines.check();
    for (const { id, crashes, ...direction } of taken) {
      if (isSuspect(crashes)) this.#suspects.add({ id, direction, crashes });
      else this.#enqueue(id, direction);
    }
    // Waiting instances are due as well, and may be many: each poll begins behind the last one.
    const [missed, far] = [isDue(now - pollMs), isFar(now, longestWaitMs)];
    const { due, id: last } = this.#seen;
    const dueOnes = await instancesOf(
      store.sqlRead,
      worker.id,
      `${live} and (${missed.sql} or ${far.sql}) and (due, id) > (?, ?) order by due, id`,
      [...missed.values, ...far.values, due, last],
      batch,
    );
    for (const one of dueOnes) this.#enqueue(one.id, directionOf(one));
    this.#seen = dueOnes.length < batch ? unseen : (dueOnes.at(-1) ?? unseen);
    const readable = ({ id }: { readonly id: string }): boolean => !this.#aside.has(id);
    const stopping = await instancesOf(store.sqlRead, worker.id, "state = 'running' and stopping is not null", [], batch);
    for (const { id, name } of stopping.filter(readable)) this.#halt(id, name);
    const hurriedOnes = await instancesOf(store.sqlRead, worker.id, `${live} and due = ?`, [hurried], batch);
    for (const one of hurriedOnes.filter(readable)) this.#hurry(one.id, directionOf(one));
    await this.#reportLost();
    this.#stuck = await countSagas(store.sqlRead, "state = 'stuck'");
    this.#live = await countSagas(store.sqlRead, live);
    return taken.length === batch ? 0 : pollMs;
  }

  /** Reports instances in an unknown state, which no other query finds. */
  async #reportLost(): Promise<void> {
    const { store, runtime } = this.#given;
    const rows = await lostRows(store.sqlRead, lostAtMost);
    const news = rows.map(shownOf).filter(({ id }) => !this.#lost.has(id) && !this.#aside.has(id));
    for (const { id, name: saga, unreadable: reason } of news)
      runtime.observe.log('error', 'saga cannot be read; leaving it aside', { saga, id, reason });
    this.#lost = new Set(rows.map((row) => String(row['id'])));
  }
}
