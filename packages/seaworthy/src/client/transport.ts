import type { Answer } from '../contract/answer.ts';
import type { At, Operation } from '../contract/contract.ts';

import type { Deadline } from '../core/deadline.ts';
import type { TraceContext } from '../core/trace.ts';

/** One attempt of a call, before a transport puts it on its wire. */
export interface Attempt {
  readonly operation: Operation & At;
  /** JSON, as the caller sent it: the service validates and applies defaults. */
  readonly input: unknown;
  /** Every command has one; a repeat of the call carries the same. */
  readonly key: string | undefined;
  /** Travels as what remains of it. */
  readonly deadline: Deadline | undefined;
  /** An undo names the key of the step that it undoes: the callee refuses that step's calls from then on (a tombstone). */
  readonly undoes: string | undefined;
  /** From 1. */
  readonly attempt: number;
  /** What the callee's work is part of. */
  readonly trace?: TraceContext | undefined;
  readonly signal: AbortSignal;
}

/**
 * PORT. Carries calls to services.
 *
 * Guarantees of every transport, shown by the conformance suite:
 * - `send` resolves with what the service answered, and rejects only when nobody knows what it did: no connection,
 *   a broken one, an answer that is not ours (`Unreachable`), or the signal's reason after an abort.
 * - Input and output cross as JSON by value: caller and service never share an object.
 * - An abort reaches the service: its handler's signal aborts.
 * - The deadline that the service sees is never later than the caller's.
 */
export interface Transport {
  send(attempt: Attempt): Promise<Answer>;
  close(): Promise<void>;
}

/** The receiving side: what a service offers to the transports. */
export interface Endpoint {
  handle(attempt: Attempt): Promise<Answer>;
}
