import { SeaworthyError } from './errors.ts';
import type { Observe } from './observe.ts';
import { type Named, OpenWork } from './open-work.ts';
import { mayEscape, reported } from './strays.ts';

/** Something that a run was given was used after the run had ended. It had no effect. */
export class RunOver extends SeaworthyError {
  readonly code = 'SW_RUN_OVER';
  readonly kind = 'internal';
}

/** One run of a handler or of a step: what it is given may be used until it ends, and what it begins must have settled by then. */
export class Lifetime {
  /** Whose run it is, in errors. */
  readonly name: string;
  readonly #observe: Pick<Observe, 'log'>;
  readonly #work: OpenWork;
  #ended: 'returned' | 'failed' | undefined;

  constructor(name: string, observe: Pick<Observe, 'log'>) {
    this.name = name;
    this.#observe = observe;
    this.#work = new OpenWork({ late: (error) => observe.log('error', error.message, { error }) });
  }

  /** Asked at each use of `what`. Throws `RunOver` when the run has ended. */
  check(what: string): void {
    if (!this.#ended) return;
    const error = new RunOver(`${what} was used after ${this.name} had ended, without effect: await everything before it returns`);
    // Whoever forgot to await hears of no error either. A run that failed has told so already.
    if (this.#ended === 'returned') this.#observe.log('error', error.message, { error });
    throw mayEscape(error);
  }

  /** The same function, which throws `RunOver` once the run has ended. */
  lend<F extends (...given: never[]) => unknown>(what: string, use: F): F {
    const lent = (...given: never[]): unknown => {
      this.check(what);
      return use(...given);
    };
    return lent as F;
  }

  /** What `use` of `what` comes to. Rejects with `RunOver` once the run has ended. */
  use<V>(what: string, use: () => Promise<V>): Promise<V> {
    try {
      this.check(what);
    } catch (error) {
      return reported(Promise.reject(error));
    }
    return use();
  }

  /** The promise of `what`, which the run must await. */
  watch<V>(what: Named, promise: Promise<V>): Promise<V> {
    return this.#work.add(what, promise);
  }

  /** Ends the run of work that is given up, and goes on by itself. */
  end(): void {
    this.#ended ??= 'failed';
  }

  /**
   * Runs `work`; everything that it was given ends with it. Throws `NotAwaited` when something that it began is still open, and
   * what `check` throws about the value that it returned.
   */
  async run<V>(work: () => V | PromiseLike<V>, check?: (returned: V) => void): Promise<V> {
    let ended: 'returned' | 'failed' = 'failed';
    try {
      const value = await work();
      const settled = this.#work.settled();
      if (settled) await settled;
      this.#work.verify(this.name);
      check?.(value);
      ended = 'returned';
      return value;
    } finally {
      this.#work.end();
      this.#ended ??= ended;
    }
  }
}
