import { SeaworthyError } from './errors.ts';
import type { Observe } from './observe.ts';
import { type Describe, OpenWork } from './open-work.ts';
import { mayEscape, reported } from './strays.ts';

/** A part of a handler's context was used after its run had ended. The use had no effect. */
export class RunOver extends SeaworthyError {
  readonly code = 'SW_RUN_OVER';
  readonly kind = 'internal';
}

/** The lifetime of one run of a handler or step: its context works until the run ends, and work that it starts must have settled by then. */
export class Lifetime {
  /** The name of the run in errors. */
  readonly name: string;
  readonly #observe: Pick<Observe, 'log'>;
  readonly #work: OpenWork;
  #ended: 'returned' | 'failed' | undefined;

  constructor(name: string, observe: Pick<Observe, 'log'>) {
    this.name = name;
    this.#observe = observe;
    this.#work = new OpenWork({ late: (error) => observe.log('error', error.message, { error }) });
  }

  /** Checks a use of `what`. Throws `RunOver` when the run has ended. */
  check(what: string): void {
    if (!this.#ended) return;
    const error = new RunOver(`${what} was used after ${this.name} had ended, without effect: await everything before it returns`);
    // A handler that does not await does not see this error, so it is logged. A failed run has logged its own.
    if (this.#ended === 'returned') this.#observe.log('error', error.message, { error });
    throw mayEscape(error);
  }

  /** Wraps a function so that it throws `RunOver` once the run has ended. */
  lend<F extends (...given: never[]) => unknown>(what: string, use: F): F {
    const lent = (...given: never[]): unknown => {
      this.check(what);
      return use(...given);
    };
    return lent as F;
  }

  /** Returns the outcome of `use`. Rejects with `RunOver` once the run has ended. */
  use<V>(what: string, use: () => Promise<V>): Promise<V> {
    try {
      this.check(what);
    } catch (error) {
      return reported(Promise.reject(error));
    }
    return use();
  }

  /** Returns the promise of `what`, which the run must await. */
  watch<V>(what: Describe, promise: Promise<V>): Promise<V> {
    return this.#work.add(what, promise);
  }

  /** Ends the lifetime early, when the work is abandoned although it still runs. */
  end(): void {
    this.#ended ??= 'failed';
  }

  /**
   * Runs `work` and ends the lifetime with it. Throws `NotAwaited` when work that it started is still open, and the error of `check`
   * about its result.
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
