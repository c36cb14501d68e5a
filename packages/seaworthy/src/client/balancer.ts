import type { Runtime } from '../core/runtime.ts';

/** One instance that a call may be sent to, as a balancer sees it. */
export interface Candidate {
  /** The address of the instance. No two candidates have the same. */
  readonly at: string;
  /** The calls of this caller that the instance has in flight. */
  readonly inFlight: number;
}

/**
 * PORT. Decides in which order an attempt of a call is offered to the instances of one service. The caller sends it to the first
 * one whose guard admits it. The caller itself moves those to the end that could not be reached lately or that the same call has
 * tried, and keeps the balancer's order among them.
 *
 * Guarantees of every balancer, shown by the conformance suite:
 * - `order` returns every candidate once and nothing else. It returns the objects that it was given, and leaves their list as it is.
 * - The list may differ from one attempt to the next in length, members and order. It may be empty.
 * - Over many attempts with the same candidates, each comes first in its share: between half and twice an equal part. A candidate
 *   that joins gets its share from then on.
 * - Time and chance come from the runtime alone: the same seed and the same attempts give the same orders.
 * - `order` waits for nothing and does not throw.
 */
export interface Balancer {
  /** Returns the candidates in the order in which this attempt tries them. */
  order<C extends Candidate>(candidates: readonly C[]): readonly C[];
}

/** Makes the balancer of one service. A caller calls it once for each service that has instances. */
export type BalancerDriver = (runtime: Runtime) => Balancer;
