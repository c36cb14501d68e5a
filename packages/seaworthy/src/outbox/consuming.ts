import type { Runtime } from '../core/runtime.ts';
import type { TraceRelation } from '../core/span-link.ts';
import type { Isolation, Store } from '../store/store.ts';
import type { Worker } from '../store/worker.ts';
import type { Subscription } from './attempt.ts';
import type { RetrySchedule } from './retry-schedule.ts';
import type { Alone } from './suspects.ts';

/** What the parts of one consumer share. */
export interface Consuming<T> {
  readonly store: Store<T, unknown>;
  readonly runtime: Runtime;
  readonly worker: Worker;
  readonly service: string;
  readonly schedule: RetrySchedule;
  readonly subscriptions: ReadonlyMap<string, Subscription<T>>;
  readonly concurrency: number;
  readonly timeoutMs: number;
  /** How often to look for parked events when nothing wakes the consumer. Default: as `restMs` says. */
  readonly pollMs: number | undefined;
  readonly follow: TraceRelation;
  readonly isolation: Isolation | undefined;
  /** An event is a dead letter once so many processes have died while it was in flight. */
  readonly crashes: number;
  /** The slot in which an event that may kill the process is handled. */
  readonly alone: Alone;
  /** Aborts when a close is cut short. */
  readonly cut: AbortSignal;
  /** True once the consumer closes. No failure counts from then on: what a handler needs may be closed already. */
  readonly closing: () => boolean;
}
