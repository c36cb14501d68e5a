import type { Clock } from '../core/clock.ts';
import { type Duration, milliseconds } from '../core/duration.ts';
import { type Runtime, runtime as systemRuntime } from '../core/runtime.ts';
import { atLeast } from './errors.ts';
import type { Attachable } from './policy.ts';

export interface KeyedOptions {
  /** How many are kept; the one that was not used for the longest time goes. Default 1000. */
  readonly limit?: number;
  /** One that was not used for so long goes, with what it knew. Should exceed a breaker's `openFor`. Default 10 min. */
  readonly idle?: Duration;
  readonly runtime?: Runtime;
}

interface Entry<V> {
  readonly value: V;
  usedAt: number;
  leave: (() => void) | undefined;
}

const attached = (value: object, runtime: Runtime | undefined): (() => void) | undefined =>
  runtime && (value as Partial<Attachable>).attach?.(runtime);

const standard = systemRuntime();

/** One of a kind for each key: a policy for each endpoint, a breaker for each tenant. */
export class Keyed<K, V extends object> {
  readonly #make: (key: K) => V;
  readonly #limit: number;
  readonly #idleMs: number;
  readonly #clock: Clock;
  #runtime: Runtime | undefined;
  /** In the order of their last use. */
  readonly #entries = new Map<K, Entry<V>>();

  constructor(make: (key: K) => V, { limit = 1000, idle = '10m', runtime = standard }: KeyedOptions = {}) {
    this.#make = make;
    this.#limit = atLeast(1, limit, 'keyed limit');
    this.#idleMs = milliseconds(idle, 'keyed idle');
    this.#clock = runtime.clock;
  }

  /** All that it has and makes reports to this runtime from now on, unless it does to another already. Returns how to end it. */
  attach(runtime: Runtime): () => void {
    if (this.#runtime) return () => {};
    this.#runtime = runtime;
    for (const entry of this.#entries.values()) entry.leave ??= attached(entry.value, runtime);
    return () => {
      this.#runtime = undefined;
      for (const entry of this.#entries.values()) {
        entry.leave?.();
        entry.leave = undefined;
      }
    };
  }

  get size(): number {
    return this.#entries.size;
  }

  /** That of a key, made if there is none. Work in hand keeps what it has, also when its key is dropped meanwhile. */
  of(key: K): V {
    const now = this.#clock.monotonic();
    for (const [oldest, { usedAt }] of this.#entries) {
      if (now - usedAt < this.#idleMs) break;
      this.drop(oldest);
    }
    let entry = this.#entries.get(key);
    if (entry) {
      this.#entries.delete(key);
      entry.usedAt = now;
    } else {
      const value = this.#make(key);
      entry = { value, usedAt: now, leave: attached(value, this.#runtime) };
      for (const oldest of this.#entries.keys()) {
        if (this.#entries.size < this.#limit) break;
        this.drop(oldest);
      }
    }
    this.#entries.set(key, entry);
    return entry.value;
  }

  /** Forgets a key, and disposes of what it had. Does nothing when there is none. */
  drop(key: K): void {
    const value = this.#entries.get(key)?.value as { dispose?: unknown } | undefined;
    this.#entries.delete(key);
    if (typeof value?.dispose === 'function') value.dispose();
  }
}

/**
 * Makes a `Keyed`: `keyed((host: string) => policy(breaker({ name: 'hosts' }), timeout('1s'))).of('a')(work)`. Bounded in
 * number and in idle time, without timers. Throws `PolicyInvalid` or `DurationInvalid`.
 */
export const keyed = <K, V extends object>(make: (key: K) => V, options?: KeyedOptions): Keyed<K, V> => new Keyed(make, options);
