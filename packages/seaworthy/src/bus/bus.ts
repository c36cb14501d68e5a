import type { Condition } from '../core/condition.ts';
import type { Runtime } from '../core/runtime.ts';
import type { Envelope } from './envelope.ts';

/** What the bus says of one delivery of an event. */
export interface Delivered {
  /** Aborts when the delivery is cut short: the event then comes again to another member. */
  readonly signal: AbortSignal;
  /** Where the event stands in its topic. Its form is the driver's own; ask `Bus.pending` what it means. */
  readonly position?: string | undefined;
  /** A member that died may have had the event in hand, so that the event may be what killed it. Default false. */
  readonly orphaned?: boolean | undefined;
}

/** Handles one event. Resolving acknowledges it; rejecting makes it come again, before any later event of its key. */
export type Handle = (envelope: Envelope, delivery: Delivered) => Promise<void>;

export interface SubscribeOptions {
  readonly topic: string;
  /** Members of one group share the events; each group gets them all. A new group begins at the earliest event kept. */
  readonly group: string;
  readonly handle: Handle;
  /** How many events may be in hand at once, over all keys. Default 64. */
  readonly concurrency?: number;
}

/**
 * PORT. Carries events from services to services.
 *
 * Guarantees of every driver, shown by the conformance suite:
 * - `publish` resolves only once the events are durable, and keeps the order of the array within a key.
 *   When it rejects, any prefix of them may have been published: publish the same ones again.
 * - Every group gets every event at least once: also after a crash, a lost connection, a rebalance.
 * - Order per key within a group, across all its members: an event is handed over only after every earlier one of
 *   its key was acknowledged. Redelivered events may come again, but never out of order among those not yet acknowledged.
 * - A key whose handler fails or hangs does not hold up other keys, until `concurrency` is used up or so much stands
 *   behind it that a driver holds no more (32 events for each of `concurrency` at least, or 8 MiB).
 * - When a member dies its events go to another within seconds, as `orphaned` where the driver knows of the death; a member that only stalled may finish an event that
 *   another repeats meanwhile: effects once is the inbox's task.
 */
export interface Bus {
  publish(topic: string, envelopes: readonly Envelope[]): Promise<void>;
  /** Resolves once the group is registered: what is published from then on reaches it. */
  subscribe(options: SubscribeOptions): Promise<Subscription>;
  /**
   * How it stands, from what this process met last: it asks nobody and costs nothing. `broken` once it refuses everything for
   * as long as it is open.
   */
  condition(): Condition;
  /**
   * Returns those of the positions from which a group may still be given an event: none of their acknowledgements is durable yet.
   * An inbox keeps its marks of those events, however old they are. At most some hundred positions at one time.
   */
  pending(topic: string, group: string, positions: readonly string[]): Promise<ReadonlySet<string>>;
  /** Closes subscriptions, then connections. */
  close(): Promise<void>;
}

export interface Subscription {
  /** Hands out nothing new, waits for what is in hand; what `signal` cuts short is aborted and comes again to another member. */
  close(signal?: AbortSignal): Promise<void>;
}

/** Connects a fleet, or one process of it, to a bus. */
export interface BusDriver {
  open(runtime: Runtime): Promise<Bus>;
}
