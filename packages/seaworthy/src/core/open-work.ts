import { SeaworthyError } from './errors.ts';
import { macrotask } from './event-loop.ts';
import { mayStray } from './strays.ts';
import { textOf } from './thrown.ts';

/** Something that a run began was not settled when the run ended, or was refused without anybody awaiting it. The run fails. */
export class NotAwaited extends SeaworthyError {
  readonly code = 'SW_NOT_AWAITED';
  readonly kind = 'internal';
}

/** Names what was begun in the error of its run. */
export type Named = () => string;

interface Item {
  readonly what: Named;
  heard: boolean;
  rejected: { readonly error: unknown } | undefined;
}

const ignore = (): void => {};

/** A promise that knows whether anybody waits for it. Its rejection is for its run to tell, and never ends the process. */
class Watched<V> extends Promise<V> {
  #heard: (() => void) | undefined;
  #derived: (<D>(promise: Promise<D>) => Promise<D>) | undefined;

  // What is made of it is a plain promise, unless `then` below watches it, too.
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
    // Without a handler of rejections, as in `.then(use)`, nobody has heard of one yet.
    return typeof onRejected === 'function' || !this.#derived ? next : this.#derived(next);
  }

  override finally(onFinally?: (() => void) | null): Promise<V> {
    const next = super.finally(onFinally);
    return this.#derived ? this.#derived(next) : next;
  }
}

/** A promise of what is done already, at the price of a plain one: only what is made of it is watched. */
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
// `await` takes it for a plain promise, and does not ask for its `then`.
Object.defineProperty(Done.prototype, 'constructor', { value: Promise });

/** What a run has begun. All of it must have settled when the run ends, and every rejection must have been awaited. */
export class OpenWork {
  readonly #whole: OpenWork;
  readonly #late: (error: NotAwaited) => void;
  #items: Set<Item> | undefined;
  #rejected = false;
  #over = false;
  #stray: { readonly what: Named; readonly error: unknown } | undefined;

  /**
   * `whole` is what it is a part of. `late` is told of a rejection that nobody handles, for all that anybody could see while the run
   * went on, and that comes to light only when it is over.
   */
  constructor({ whole, late = ignore }: { readonly whole?: OpenWork | undefined; readonly late?: (error: NotAwaited) => void } = {}) {
    this.#whole = whole ? whole.#whole : this;
    this.#late = late;
  }

  /** A promise of `value`, what `what` came to at once. What is made of it is watched. */
  done<V>(what: Named, value: V): Promise<V> {
    return new Done<V>((resolve) => resolve(value)).watch((derived) => this.add(what, derived));
  }

  /** The same promise, watched from now on. */
  add<V>(what: Named, promise: Promise<V>): Promise<V> {
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

  /** Throws `NotAwaited` when something is left that has not settled, or whose rejection nobody awaited. `run` names who began it. */
  verify(run: string): void {
    for (const { what, rejected } of this.#items ?? []) {
      if (!rejected) throw new NotAwaited(`${run} ended before ${what()} had settled: await it, or return its promise`);
      throw this.#unheard(run, { what, error: rejected.error });
    }
    if (this.#stray) throw this.#unheard(run, this.#stray);
  }

  /** Throws `NotAwaited` when a rejection, here or in the work around, was awaited only by functions that nothing awaits. */
  verifyStrays(run: string): void {
    if (this.#whole.#stray) throw this.#unheard(run, this.#whole.#stray);
  }

  /**
   * Whoever awaits a rejection in a function that is not awaited itself has not handled it: Node tells of that once nothing else is to
   * be done. To be awaited before the last `verify`; `undefined` when nothing was rejected.
   */
  settled(): Promise<void> | undefined {
    return this.#rejected ? macrotask() : undefined;
  }

  /** The run is over, and has told of what failed. */
  end(): void {
    this.#over = true;
  }

  #strayed(what: Named, error: unknown): void {
    if (this.#over) this.#late(this.#unheard('a run', { what, error }));
    else this.#stray ??= { what, error };
  }

  #unheard(run: string, { what, error }: { readonly what: Named; readonly error: unknown }): NotAwaited {
    const message = `${run} ended and nobody awaited ${what()}, which failed (${textOf(error)}): await it, or return its promise`;
    return new NotAwaited(message, { cause: error });
  }
}
