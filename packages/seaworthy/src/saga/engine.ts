import type { Caller } from '../client/caller.ts';
import type { Contract, Members } from '../contract/contract.ts';
import { type Scope, scope } from '../core/abort.ts';
import { InFlight } from '../core/in-flight.ts';
import type { TraceContext } from '../core/trace.ts';
import { type Alone, alone as aPlace } from '../outbox/suspects.ts';
import { waitOf } from '../store/due.ts';
import type { Isolation, Store, Tx } from '../store/store.ts';
import type { Worker } from '../store/worker.ts';
import { type Census, census } from './census.ts';
import { type Deadlines, deadlines } from './deadlines.ts';
import { type AnySaga, SagaInvalid, type Start, type Stop, verifyVersions } from './definition.ts';
import { type Delays, delays } from './delays.ts';
import { drive, type Next } from './executor.ts';
import { type Instance, SagaUnreadable } from './instance.ts';
import { journalWriter } from './journal-writer.ts';
import { type Lookout, lookout } from './lookout.ts';
import { orphans } from './orphans.ts';
import type { SagaDeps } from './saga-run.ts';
import { bytesOf, readSaga, type Summary, takeDeathBack, writeDeath } from './saga-store.ts';
import { type Direction, directionOf, isSuspect, type Lanes, laneOf, lanes, type Room, room, type Suspects, suspects } from './schedule.ts';
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

/** The wait, in milliseconds, after a failure of the database. */
const againMs = 1000;
/** How many instances of each direction of a saga wait in memory for their turn, and as many for their time. The rest is in the database alone. */
const mostWaiting = 5000;
/** How many bytes of instances are in memory at one time. Each direction of each saga has its share. */
const mostBytes = 16 * 2 ** 20;
/** The wait, in milliseconds, before an instance that cannot be read is read again. */
const asideMs = 30_000;

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
  readonly #census: Census;
  readonly #lanes: Lanes;
  readonly #delays: Delays;
  readonly #suspects: Suspects;
  readonly #inFlight: InFlight;
  readonly #rooms = new Map<string, Room>();
  /** The ids of instances whose rows cannot be read. */
  readonly #aside = new Set<string>();
  readonly #closing = new AbortController();
  #lookout: Lookout | undefined;
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
    this.#census = census(store.sqlRead, runtime);
    this.#lanes = lanes(sagas, concurrency, mostWaiting);
    this.#delays = delays(runtime.clock, mostWaiting);
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
      for (const one of fresh) {
        if (one.deadlineMs !== undefined) this.#lookout?.expect(one.deadlineMs);
        this.#enqueue(one.id, directionOf(one), halted.has(one.id) ? undefined : { instance: one, term });
      }
      for (const { id, saga } of stopped) this.#halt(id, saga);
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
    const { store, runtime, worker, sagas } = this.#given;
    const { observe } = runtime;
    this.#gauges = [
      observe.gauge('seaworthy_saga_active', {}, () => this.#lanes.active),
      ...sagas.map(({ name }) => observe.gauge('seaworthy_saga_waiting', { saga: name }, () => this.#lanes.waiting(name))),
      observe.gauge('seaworthy_saga_unreadable', {}, () => new Set([...this.#aside, ...this.#census.lost]).size),
      observe.gauge('seaworthy_saga_live', {}, () => this.#census.live),
      observe.gauge('seaworthy_saga_stuck', {}, () => this.#census.stuck),
      observe.gauge('seaworthy_saga_suspect', {}, () => this.#suspects.size),
    ];
    this.#stopListening = worker.onTerm(() => this.#runNext());
    this.#lookout = lookout({
      ...{ store, runtime, worker, deadlines: this.#deadlines, census: this.#census },
      orphans: orphans({ store, runtime, worker, sagas: this.#sagas, deadlines: this.#deadlines }),
      isAside: (id) => this.#aside.has(id),
      takeUp: (found) => this.#takeUp(found),
      interrupt: ({ id, stopping, ...found }) => {
        if (stopping && found.state === 'running') this.#halt(id, found.name);
        else this.#hurry(id, directionOf({ ...found, stopping }));
      },
    });
  }

  /** Begins no further step and waits for those that run; aborts them when `signal` aborts. Nothing counts as failed. */
  async close(signal?: AbortSignal): Promise<void> {
    this.#closing.abort();
    this.#stopListening();
    this.#delays.close();
    const drained = this.#inFlight.close(signal);
    await this.#lookout?.close();
    await Promise.all([drained, this.#suspects.close()]);
    for (const remove of this.#gauges) remove();
  }

  /** Adds an instance to its lane. `fresh` is the instance as it was just written, which saves reading it if it runs at once. */
  #enqueue(id: string, direction: Direction, fresh?: Fresh): void {
    if (this.#isKnown(id)) return;
    if (!this.#lanes.add(id, direction)) this.#lookout?.fallBehind();
    this.#runNext(fresh);
  }

  /** Returns whether an instance runs, or waits for its time. */
  #isKnown(id: string): boolean {
    return this.#delays.has(id) || this.#inFlight.has(id) || this.#suspects.has(id);
  }

  /** Lets an instance wait for its time: in memory, if that comes soon and there is room. */
  #delay(id: string, direction: Direction, ms: number): void {
    if (ms > longestWaitMs) return;
    if (!this.#delays.add(id, direction, ms, () => this.#enqueue(id, direction))) this.#lookout?.fallBehind();
  }

  /** Runs an instance that was found in the database, once it is due. */
  #takeUp({ id, due, changed, crashes, ...found }: Summary): void {
    if (this.#isKnown(id)) return;
    const direction = directionOf(found);
    const ms = waitOf({ due, written: changed }, this.#given.runtime.clock.now());
    if (isSuspect(crashes)) this.#suspects.add({ id, direction, crashes });
    else if (ms > 0 && !(found.stopping && found.state === 'running')) this.#delay(id, direction, ms);
    else this.#enqueue(id, direction);
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
    this.#delays.cancel(id);
    this.#enqueue(id, direction);
  }

  /** Aborts the run of an instance that is to be stopped, or ends its wait. */
  #halt(id: string, saga: string): void {
    this.#inFlight.abort(id, new SagaStopping(`the saga ${id} is stopped: its running step is aborted`));
    this.#hurry(id, { saga, back: true });
  }

  async #run(id: string, direction: Direction, work: (stop: Scope) => Promise<Next>): Promise<void> {
    const term = this.#given.worker.term();
    this.#delays.cancel(id);
    const next = await this.#inFlight.run(id, (stop) => work(stop).catch((error: unknown) => this.#failed(id, direction, error)));
    this.#lanes.leave(id);
    if (next && 'suspect' in next) this.#suspects.add({ id, direction, crashes: next.suspect.crashes });
    else if (next && 'turned' in next) this.#enqueue(id, directionOf(next.turned), { instance: next.turned, term });
    else if (next) this.#delay(id, direction, next.ms);
    this.#runNext();
  }

  #failed(id: string, { saga }: Direction, error: unknown): Next {
    const { observe } = this.#given.runtime;
    if (!(error instanceof SagaUnreadable)) {
      observe.log('error', 'saga could not read or write its journal; retrying in 1 s', { id, error });
      return { ms: againMs };
    }
    // It is reported once, and read again every half minute: its row may be corrected.
    if (!this.#aside.has(id) && !this.#census.lost.has(id))
      observe.log('error', 'saga cannot be read; leaving it aside', { saga, id, error });
    this.#aside.add(id);
    return { ms: asideMs };
  }

  /** Waits until there is room for the bytes of an instance. Returns a function that gives the room back. */
  async #enter(id: string, direction: Direction, stop: Scope): Promise<() => void> {
    const { store, runtime } = this.#given;
    const name = laneOf(direction);
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
}
