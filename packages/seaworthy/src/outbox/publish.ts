import type { Event } from '../contract/contract.ts';

/** The names of a contract's events. */
export type EventNames<M> = {
  [K in keyof M]: M[K] extends Event ? K : never;
}[keyof M] &
  string;
type SentOf<E> = E extends Event<infer Sent, unknown> ? Sent : never;
/** Puts an event of the service's own contract into the outbox, with the transaction. */
export type Publish<M> = <K extends EventNames<M>>(event: K, data: SentOf<M[K]>) => void;
