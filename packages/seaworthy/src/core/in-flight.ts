import { orAborted, type Scope, scope } from './abort.ts';
import type { Clock } from './clock.ts';

/** An amount of work: so many pieces, and so many bytes that they hold in memory. */
export interface Amount {
  readonly rows: number;
  readonly bytes: number;
}

/** The load of one piece of work on the limit of its kind. */
export interface Load {
  readonly bytes: number;
  /** The kind of the work. Each kind has its own limit, so that one that hangs does not block the others. Default one kind for all. */
  readonly kind?: string;
}

/** The options of `InFlight`. */
export interface InFlightOptions {
  readonly clock: Clock;
  /** The limit of each kind. Default none. */
  readonly most?: Amount;
}

/** The options of a run. */
export interface RunOptions {
  /** The load of the work. Default none. */
  readonly load?: Load | undefined;
  /** Further parents that abort the work. Default none. */
  readonly parents?: readonly (AbortSignal | Scope)[];
}

interface Run {
  readonly scope: Scope;
  readonly done: Promise<unknown>;
}

const nothing: Promise<unknown> = Promise.resolve();

/** The work that one process has in flight, by its id. The database cannot tell it from work that waits: all of it carries the id of this worker. */
export class InFlight<Id = string> {
  readonly #clock: Clock;
  readonly #most: Amount;
  /** The parent of every run; it aborts when a close is cut short. */
  readonly #cut: Scope;
  readonly #running = new Map<Id, Run>();
  readonly #loads = new Map<string, Amount>();
  readonly #closing = new AbortController();

  constructor({ clock, most = { rows: Number.POSITIVE_INFINITY, bytes: Number.POSITIVE_INFINITY } }: InFlightOptions) {
    this.#clock = clock;
    this.#most = most;
    this.#cut = scope({ clock });
  }

  /** The number of runs. */
  get size(): number {
    return this.#running.size;
  }

  /** The ids of the runs, the earliest first. */
  get ids(): readonly Id[] {
    return [...this.#running.keys()];
  }

  /** Aborts when `close` is called. Start no new work from then on. */
  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  /** Aborts when a close is cut short, because the process ends; the work itself has not failed. */
  get cut(): Scope {
    return this.#cut;
  }

  /** Tells whether `id` runs. */
  has(id: Id): boolean {
    return this.#running.has(id);
  }

  /** Returns how much work of a kind may still start. The numbers may be negative, since a piece of work may exceed the limit. */
  room(kind = ''): Amount {
    const load = this.#loads.get(kind);
    return load ? { rows: this.#most.rows - load.rows, bytes: this.#most.bytes - load.bytes } : this.#most;
  }

  /**
   * Runs `work` under `id` and returns its outcome. Check `has` before: an id may have one run at a time. The scope `within`
   * aborts by `abort` and when a close is cut short.
   */
  run<V>(id: Id, work: (within: Scope) => Promise<V>, { load, parents = [] }: RunOptions = {}): Promise<V> {
    const run = { scope: scope({ clock: this.#clock, parents: [this.#cut, ...parents] }), done: nothing };
    this.#running.set(id, run);
    if (load) this.#add(load, 1);
    const done = this.#settle(id, run, work, load);
    run.done = done;
    return done;
  }

  async #settle<V>(id: Id, run: Run, work: (within: Scope) => Promise<V>, load: Load | undefined): Promise<V> {
    try {
      return await work(run.scope);
    } finally {
      run.scope.end();
      this.#running.delete(id);
      if (load) this.#add(load, -1);
    }
  }

  /** Aborts the run of `id` with a reason. Returns false when it does not run. */
  abort(id: Id, reason: unknown): boolean {
    const run = this.#running.get(id);
    run?.scope.abort(reason);
    return run !== undefined;
  }

  /**
   * Waits for all runs. When `signal` aborts, the remaining runs are aborted with its reason; runs that ignore this
   * are abandoned after `graceMs`. Returns the number of abandoned runs. Default: waits for all of them.
   */
  async close(signal?: AbortSignal, graceMs?: number): Promise<number> {
    this.#closing.abort();
    const drained = this.#drain();
    if (signal) {
      await orAborted(drained, signal).catch((reason: unknown) => {
        this.#cut.abort(reason);
        return graceMs === undefined ? drained : this.#grace(drained, graceMs);
      });
    } else await drained;
    return this.#running.size;
  }

  async #drain(): Promise<void> {
    while (this.#running.size > 0) await Promise.allSettled([...this.#running.values()].map(({ done }) => done));
  }

  async #grace(drained: Promise<void>, ms: number): Promise<void> {
    const grace = scope({ clock: this.#clock, timeout: { ms, reason: () => new Error('grace') } });
    await grace.race(drained).catch(() => {});
    grace.end();
  }

  #add({ kind = '', bytes }: Load, sign: 1 | -1): void {
    const { rows, bytes: held } = this.#loads.get(kind) ?? { rows: 0, bytes: 0 };
    this.#loads.set(kind, { rows: rows + sign, bytes: held + sign * bytes });
  }
}
