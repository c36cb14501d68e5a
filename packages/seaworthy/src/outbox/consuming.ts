import type { Runtime } from '../core/runtime.ts';
import type { Store } from '../store/store.ts';
import type { Worker } from '../store/worker.ts';
import type { Subscription } from './attempt.ts';
import type { Ladder } from './ladder.ts';
import type { Follow } from './process.ts';
import type { Alone } from './suspects.ts';

/** What one consumer's parts share. */
export interface Consuming<T> {
  readonly store: Store<T, unknown>;
  readonly runtime: Runtime;
  readonly worker: Worker;
  readonly service: string;
  readonly ladder: Ladder;
  readonly subscriptions: ReadonlyMap<string, Subscription<T>>;
  readonly concurrency: number;
  readonly timeoutMs: number;
  readonly pollMs: number;
  readonly follow: Follow;
  /** After so many deaths of processes an event that each had in hand is set aside. */
  readonly crashes: number;
  /** Where what may kill the process is handled. */
  readonly alone: Alone;
  /** Aborts when the time for closing is over. */
  readonly cut: AbortSignal;
  /** From the moment that closing began, no failure counts: what a handler needs may be gone already. */
  readonly closing: () => boolean;
}
