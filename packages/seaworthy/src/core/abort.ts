import type { Clock, Timer } from './clock.ts';

/** A scope of work, which aborts when one of its parents aborts or its time is over. */
export interface Scope {
  /** The signal of the scope, which is made at its first use. */
  readonly signal: AbortSignal;
  readonly aborted: boolean;
  readonly reason: unknown;
  abort(reason: unknown): void;
  /** Returns the outcome of `work`, or rejects with the reason if the scope aborts first. The work itself continues. Call it once in a scope. */
  race<T>(work: PromiseLike<T>): Promise<T>;
  /** Removes the timer and the listeners. Always call it: a long-lived parent would keep an ended scope otherwise. */
  end(): void;
}

/** The options of a scope. */
export interface ScopeOptions {
  readonly clock: Clock;
  /** The parents. For many short scopes, a scope as the parent costs far less than a signal. Default none. */
  readonly parents?: readonly (AbortSignal | Scope)[];
  /** The milliseconds until the scope aborts by itself, and a function that makes the reason. Default none. */
  readonly timeout?: { readonly ms: number; readonly reason: () => unknown };
}

/** Opens a scope that aborts with any of its parents, or when its time is over. */
export const scope = (options: ScopeOptions): Scope => new OpenScope(options);

class OpenScope implements Scope {
  readonly #parents: readonly (AbortSignal | OpenScope)[];
  /** The scopes within this one, in a set that is made with the first of them. */
  #inner: Set<OpenScope> | undefined;
  readonly #timer: Timer | undefined;
  #controller: AbortController | undefined;
  #over: { readonly reason: unknown } | undefined;
  #reject: ((reason: unknown) => void) | undefined;

  constructor({ clock, parents = [], timeout }: ScopeOptions) {
    this.#parents = parents as readonly (AbortSignal | OpenScope)[];
    const over = parents.find((parent) => parent.aborted);
    if (over) {
      this.#over = { reason: over.reason };
      return;
    }
    for (const parent of this.#parents) {
      if (parent instanceof OpenScope) parent.#add(this);
      else parent.addEventListener('abort', this);
    }
    if (timeout) this.#timer = clock.after(timeout.ms, () => this.abort(timeout.reason()));
  }

  #add(inner: OpenScope): void {
    this.#inner ??= new Set();
    this.#inner.add(inner);
  }

  /** Handles the abort of a parent that is a signal. */
  handleEvent({ target }: Event): void {
    this.abort((target as AbortSignal).reason);
  }

  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController();
      if (this.#over) this.#controller.abort(this.#over.reason);
    }
    return this.#controller.signal;
  }

  get aborted(): boolean {
    return this.#over !== undefined;
  }

  get reason(): unknown {
    return this.#over?.reason;
  }

  abort(reason: unknown): void {
    if (this.#over) return;
    this.#over = { reason };
    this.end();
    this.#controller?.abort(reason);
    this.#reject?.(reason);
    for (const inner of this.#inner ?? []) inner.abort(reason);
  }

  race<T>(work: PromiseLike<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#reject = reject;
      if (this.#over) reject(this.#over.reason);
      work.then(resolve, reject);
    });
  }

  end(): void {
    this.#timer?.cancel();
    for (const parent of this.#parents) {
      if (parent instanceof OpenScope) parent.#inner?.delete(this);
      else parent.removeEventListener('abort', this);
    }
  }
}

/** Returns the outcome of `work`, or rejects with the signal's reason if the signal aborts first. The work itself continues. */
export function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
