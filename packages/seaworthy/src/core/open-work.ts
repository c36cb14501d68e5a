import { SeaworthyError } from './errors.ts';
import { macrotask } from './event-loop.ts';
import { mayStray } from './strays.ts';
import { textOf } from './thrown.ts';

/** A run ended before work that it had started was settled, or did not await work that failed. The run fails. */
export class NotAwaited extends SeaworthyError {
  readonly code = 'SW_NOT_AWAITED';
  readonly kind = 'internal';
}

/** Describes started work in the error of its run. */
export type Describe = () => string;

interface Item {
  readonly what: Describe;
  heard: boolean;
  rejected: { readonly error: unknown } | undefined;
}

const ignore = (): void => {};

/** A promise that knows whether it is awaited. Its run reports its rejection, which never ends the process. */
class Watched<V> extends Promise<V> {
  #heard: (() => void) | undefined;
  #derived: (<D>(promise: Promise<D>) => Promise<D>) | undefined;

  // Derived promises are plain ones, unless `then` below watches them too.
  static override get [Symbol.species](): PromiseConstructor {
    return Promise;
  }

  watch(heard: () => void, derived: <D>(promise: Promise<D>) => Promise<D>): this {
    super.then(undefined, ignore);
    this.#heard = heard;
    this.#derived = derived;
    return this;
  }

  // biome-ignore lint/suspicious/noThenProperty: it is a promise
  override then<A = V, B = never>(
    onFulfilled?: ((value: V) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.#heard?.();
    const next = super.then(onFulfilled, onRejected);
    // Without a handler of rejections, as in `.then(use)`, the rejection is not handled yet.
    return typeof onRejected === 'function' || !this.#derived ? next : this.#derived(next);
  }

  override finally(onFinally?: (() => void) | null): Promise<V> {
    const next = super.finally(onFinally);
    return this.#derived ? this.#derived(next) : next;
  }
}

/** A promise of a known value, as cheap as a plain one: only derived promises are watched. */
class Done<V> extends Promise<V> {
  #derived: (<D>(promise: Promise<D>) => Promise<D>) | undefined;

  watch(derived: <D>(promise: Promise<D>) => Promise<D>): this {
    this.#derived = derived;
    return this;
  }

  // biome-ignore lint/suspicious/noThenProperty: it is a promise
  override then<A = V, B = never>(
    onFulfilled?: ((value: V) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    const next = super.then(onFulfilled, onRejected);
    return typeof onRejected === 'function' || !this.#derived ? next : this.#derived(next);
  }

  override finally(onFinally?: (() => void) | null): Promise<V> {
    const next = super.finally(onFinally);
    return this.#derived ? this.#derived(next) : next;
  }
}
// Because of this constructor `await` takes it for a plain promise and does not call `then`.
Object.defineProperty(Done.prototype, 'constructor', { value: Promise });

/** The work that a run has started. All of it must have settled when the run ends, and every rejection must have been awaited. */
export class OpenWork {
  readonly #whole: OpenWork;
  readonly #late: (error: NotAwaited) => void;
  #items: Set<Item> | undefined;
  #rejected = false;
  #over = false;
  #stray: { readonly what: Describe; readonly error: unknown } | undefined;

  /**
   * `whole` is the work of which this is a part. `late` gets the error of a rejection that turns out to be unhandled after the run has
   * ended.
   */
  constructor({ whole, late = ignore }: { readonly whole?: OpenWork | undefined; readonly late?: (error: NotAwaited) => void } = {}) {
    this.#whole = whole ? whole.#whole : this;
    this.#late = late;
  }

  /** Returns a promise of the known outcome of `what`. Derived promises are watched. */
  done<V>(what: Describe, value: V): Promise<V> {
    return new Done<V>((resolve) => resolve(value)).watch((derived) => this.add(what, derived));
  }

  /** Returns the same promise, watched from now on. */
  add<V>(what: Describe, promise: Promise<V>): Promise<V> {
    const item: Item = { what, heard: false, rejected: undefined };
    this.#items ??= new Set();
    const items = this.#items.add(item);
    const watched = new Watched<V>((resolve, reject) => {
      promise.then(
        (value) => {
          items.delete(item);
          resolve(value);
        },
        (error: unknown) => {
          this.#whole.#rejected = true;
          mayStray(error, () => this.#whole.#strayed(what, error));
          if (item.heard) items.delete(item);
          else item.rejected = { error };
          reject(error);
        },
      );
    });
    return watched.watch(
      () => {
        item.heard = true;
        if (item.rejected) items.delete(item);
      },
      (derived) => this.add(what, derived),
    );
  }

  /** Throws `NotAwaited` when work has not settled, or its rejection was not awaited. `run` names the run. */
  verify(run: string): void {
    for (const { what, rejected } of this.#items ?? []) {
      if (!rejected) throw new NotAwaited(`${run} ended before ${what()} had settled: await it, or return its promise`);
      throw this.#unheard(run, { what, error: rejected.error });
    }
    if (this.#stray) throw this.#unheard(run, this.#stray);
  }

  /** Throws `NotAwaited` when a rejection, here or in the whole work, was awaited only by functions that were not awaited themselves. */
  verifyStrays(run: string): void {
    if (this.#whole.#stray) throw this.#unheard(run, this.#whole.#stray);
  }

  /**
   * Resolves once Node has reported unhandled rejections, which finds those that were awaited only in a function that was not awaited
   * itself. Await it before the last `verify`; it is `undefined` when nothing was rejected.
   */
  settled(): Promise<void> | undefined {
    return this.#rejected ? macrotask() : undefined;
  }

  /** Ends the run; later rejections go to `late`. */
  end(): void {
    this.#over = true;
  }

  #strayed(what: Describe, error: unknown): void {
    if (this.#over) this.#late(this.#unheard('a run', { what, error }));
    else this.#stray ??= { what, error };
  }

  #unheard(run: string, { what, error }: { readonly what: Describe; readonly error: unknown }): NotAwaited {
    const message = `${run} ended and nobody awaited ${what()}, which failed (${textOf(error)}): await it, or return its promise`;
    return new NotAwaited(message, { cause: error });
  }
}
