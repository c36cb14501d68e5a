import { SeaworthyError } from './errors.ts';
import type { Observe } from './observe.ts';
import { OpenWork } from './open-work.ts';

/** Something that a run was given was used after the run had ended. It had no effect. */
export class RunOver extends SeaworthyError {
  readonly code = 'SW_RUN_OVER';
  readonly kind = 'internal';
}

/** One run of a handler or of a step: what it is given may be used until it ends, and what it begins must have settled by then. */
export class Lifetime {
  readonly #name: string;
  readonly #observe: Pick<Observe, 'log'>;
  readonly #work = new OpenWork();
  #ended: 'returned' | 'failed' | undefined;

  /** `name` says whose run it is, in errors. */
  constructor(name: string, observe: Pick<Observe, 'log'>) {
    this.#name = name;
    this.#observe = observe;
  }

  /** Asked at each use of `what`. Throws `RunOver` when the run has ended. */
  check(what: string): void {
    if (!this.#ended) return;
    const error = new RunOver(`${what} was used after ${this.#name} had ended, without effect: await everything before it returns`);
    // Whoever forgot to await hears of no error either. A run that failed has told so already.
    if (this.#ended === 'returned') this.#observe.log('error', error.message, { error });
    throw error;
  }

  /** The promise of `what`, which the run must await. */
  watch<V>(what: string, promise: Promise<V>): Promise<V> {
    return this.#work.add(what, promise);
  }

  /** Runs `work`; with it ends everything that it was given. Throws `NotAwaited`, and what `whole` throws of what came back. */
  async run<V>(work: () => V | PromiseLike<V>, whole: (value: V) => void = () => {}): Promise<V> {
    let ended: 'returned' | 'failed' = 'failed';
    try {
      const value = await work();
      this.#work.verify(this.#name);
      whole(value);
      ended = 'returned';
      return value;
    } finally {
      this.#ended = ended;
    }
  }
}
