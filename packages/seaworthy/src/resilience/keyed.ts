import type { Clock } from '../core/clock.ts';
import { type Duration, milliseconds } from '../core/duration.ts';
import { checkOptions } from '../core/options.ts';
import { type Runtime, runtime as systemRuntime } from '../core/runtime.ts';
import { atLeast } from './errors.ts';
import type { Attachable } from './policy.ts';

/** The options of `keyed`. */
export interface KeyedOptions {
  /** The number of keys that are kept; the least recently used one is dropped. Default 1000. */
  readonly limit?: number;
  /** The time after which an unused key is dropped with its value; make it longer than the `openFor` of a breaker. Default 10 min. */
  readonly idle?: Duration;
  /** The runtime whose clock is used. Default the system's. */
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

/** A value for each key, such as a policy for each endpoint or a breaker for each tenant. */
export class Keyed<K, V extends object> {
  readonly #make: (key: K) => V;
  readonly #limit: number;
  readonly #idleMs: number;
  readonly #clock: Clock;
  #runtime: Runtime | undefined;
  /** The entries in the order of their last use. */
  readonly #entries = new Map<K, Entry<V>>();

  constructor(make: (key: K) => V, options: KeyedOptions = {}) {
    checkOptions('keyed', options, { limit: true, idle: true, runtime: true });
    const { limit = 1000, idle = '10m', runtime = standard } = options;
    this.#make = make;
    this.#limit = atLeast(1, limit, 'keyed limit');
    this.#idleMs = milliseconds(idle, 'keyed idle');
    this.#clock = runtime.clock;
  }

  /** Attaches present and future values to a runtime, unless they have one already. Returns a function that ends it. */
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

  /** The number of keys. */
  get size(): number {
    return this.#entries.size;
  }

  /** Returns the value of a key, and makes it if there is none. Work in flight keeps its value when the key is dropped. */
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

  /** Drops a key and disposes of its value. Does nothing for an unknown key. */
  drop(key: K): void {
    const value = this.#entries.get(key)?.value as { dispose?: unknown } | undefined;
    this.#entries.delete(key);
    if (typeof value?.dispose === 'function') value.dispose();
  }
}

/**
 * Makes a `Keyed`: `keyed((host: string) => policy(breaker({ name: 'hosts' }), timeout('1s'))).of('a')(work)`. It is bounded in
 * number and idle time, without timers. Throws `PolicyInvalid` or `DurationInvalid`.
 */
export const keyed = <K, V extends object>(make: (key: K) => V, options?: KeyedOptions): Keyed<K, V> => new Keyed(make, options);
