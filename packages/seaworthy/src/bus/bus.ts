import type { Condition } from '../core/condition.ts';
import type { Runtime } from '../core/runtime.ts';
import type { Envelope } from './envelope.ts';
import type { EnvelopeInvalid } from './errors.ts';

/** One delivery of an event. */
export interface Delivered {
  /**
   * Aborts when the delivery is cut short, because the member closes or no longer owns the event. The event is then redelivered,
   * perhaps to another member.
   */
  readonly signal: AbortSignal;
  /** The position of the event in its topic, in a form of the driver's own. `Bus.pending` interprets it. */
  readonly position?: string | undefined;
  /** A member that died may have had the event in flight, so that the event may be what killed it. Default false. */
  readonly orphaned?: boolean | undefined;
}

/** Handles one event. Resolving acknowledges it; rejecting redelivers it, before any later event of its key. */
export type Handle = (envelope: Envelope, delivery: Delivered) => Promise<void>;

/** A message that is not an event. */
export interface UnreadableMessage {
  /** An id made of topic and position: a redelivered message has the same one. */
  readonly id: string;
  /** The engine's key; the id where the message has no key. */
  readonly key: string;
  /** The body as text. */
  readonly text: string;
  readonly error: EnvelopeInvalid;
}

export interface SubscribeOptions {
  readonly topic: string;
  /** Members of one group share the events; each group gets all of them. `BusFeatures.keeps` says where a new group begins. */
  readonly group: string;
  readonly handle: Handle;
  /**
   * Handles a message that is not an event. Resolving acknowledges it. Default: the message is logged, counted and passed over, and
   * an engine that can keeps it.
   */
  readonly unreadable?: ((message: UnreadableMessage, delivery: Delivered) => Promise<void>) | undefined;
  /** How many events may be in flight at once, over all keys. Default 64. */
  readonly concurrency?: number | undefined;
}

/** The features of an engine. The conformance suite skips the cases of a feature that a driver lacks, and names the feature. */
export interface BusFeatures {
  /**
   * `log`: the engine keeps what was published, and a new group begins at the earliest event kept. `queues`: a group gets what is
   * published once it is registered, and nothing from before.
   */
  readonly keeps: 'log' | 'queues';
  /** The largest event that `publish` takes, in bytes of its JSON text in UTF-8. */
  readonly maxBytes: number;
}

/** A group that consumes a topic. */
export interface Membership {
  readonly topic: string;
  readonly group: string;
}

/** The topics that a service publishes to, and its groups. */
export interface Topology {
  readonly topics: readonly string[];
  readonly groups: readonly Membership[];
}

/**
 * PORT. Carries events from services to services.
 *
 * Guarantees of every driver, shown by the conformance suite:
 * - `publish` resolves only once the events are durable, and keeps the order of the array within a key. When it rejects, any
 *   prefix of each key's events may have been published: publish the same events again.
 * - Every group gets every event at least once: also after a crash, a lost connection or a rebalance.
 * - Order per key within a group, across all its members: an event is handed over only after every earlier event of its key was
 *   acknowledged. An event may be redelivered, but never out of order among those not yet acknowledged.
 * - A key whose handler fails or hangs does not hold up other keys, until `concurrency` is used up or more stands behind the key
 *   than a driver holds.
 * - When a member dies, its events go to another member within seconds, as `orphaned` where the driver knows of the death. A member
 *   that only stalled may finish an event that another member repeats meanwhile: effects once are the inbox's task.
 */
export interface Bus {
  readonly features: BusFeatures;
  /**
   * Throws `EnvelopeInvalid` for what is not an event, and `EventsRefused` for events that the engine can never take, such as one
   * that is larger than `features.maxBytes`: then nothing was published.
   */
  publish(topic: string, envelopes: readonly Envelope[]): Promise<void>;
  /** Registers the group if it is not registered yet, and consumes. Resolves once everything that is published from then on reaches it. */
  subscribe(options: SubscribeOptions): Promise<Subscription>;
  /** Returns what `apply` would change, a sentence for each change. It changes nothing. */
  plan(topology: Topology): Promise<readonly string[]>;
  /**
   * Creates topics and registers groups without consuming, so that what is published from then on reaches them. Returns what it
   * changed, as `plan` words it. Repeated or concurrent calls change nothing more.
   */
  apply(topology: Topology): Promise<readonly string[]>;
  /** Throws `TopologyMissing`, which names each difference. It needs no right to change anything. */
  verify(topology: Topology): Promise<void>;
  /**
   * The condition of the bus, from what this process met last: it asks no engine and costs nothing. `broken` once the bus refuses
   * everything for as long as it is open.
   */
  condition(): Condition;
  /**
   * Returns those of the positions whose events may still be delivered to the group, since their acknowledgement is not durable yet.
   * An inbox keeps its marks of those events, however old they are. Pass at most a few hundred positions at one time.
   */
  pending(topic: string, group: string, positions: readonly string[]): Promise<ReadonlySet<string>>;
  /** Closes subscriptions, then connections. */
  close(): Promise<void>;
}

export interface Subscription {
  /** Hands out nothing new and waits for what is in flight; what `signal` cuts short is aborted and redelivered to another member. */
  close(signal?: AbortSignal): Promise<void>;
}

/** Connects a fleet, or one process of it, to a bus. */
export interface BusDriver {
  open(runtime: Runtime): Promise<Bus>;
}

/** A driver whose buses `await using` closes. */
export interface DisposableBusDriver extends BusDriver {
  open(runtime: Runtime): Promise<Bus & AsyncDisposable>;
}
