/** One running copy of a service. */
export interface Instance {
  /** Its address, by which it is known in messages and metrics: what has the same address is the same instance. */
  readonly at: string;
}

/**
 * PORT. Lists the instances of one service while they come and go. A caller reads it from memory at each call, and watches it to
 * open and close transports.
 *
 * A driver over a registry (DNS, Consul, Kubernetes) resolves with a source once it has the first list, keeps it up to date, and has a
 * `close` of its own. The caller does not close a source. While the registry cannot be reached, the source keeps its last list.
 *
 * Guarantees of every source, shown by the conformance suite:
 * - `current` returns the latest list at once and does not throw. It is empty where nothing is known.
 * - A list has no address twice, and a list that was returned does not change any more.
 * - A source without `watch` never changes.
 * - After each change every listener is called once, and `current` returns the new list by then. A list with the same addresses is not
 *   a change.
 * - A listener that left is not called again. To leave twice is to leave once.
 */
export interface InstanceSource {
  /** Returns the instances of the service as they are now. */
  current(): readonly Instance[];
  /** Calls `changed`, which must not throw, after each change. Returns how to leave. Absent where the list never changes. */
  readonly watch?: (changed: () => void) => () => void;
}
