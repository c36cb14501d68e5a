import type { Event } from '../contract/contract.ts';

/**
 * The events of the members of a contract: the data that each takes, by name. The condition has the compiler write them out, where it
 * would otherwise show the whole contract.
 */
export type EventsOf<M> = M extends infer All
  ? { readonly [K in keyof All as All[K] extends Event ? K : never]: All[K] extends Event<infer Sent, unknown> ? Sent : never }
  : never;
/** Publishes an event of the service's own contract: it is inserted into the outbox in the transaction. */
export type Publish<Events> = <K extends keyof Events & string>(event: K, data: Events[K]) => void;
