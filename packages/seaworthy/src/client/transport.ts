import type { Answer } from '../contract/answer.ts';
import type { Bound, Operation } from '../contract/contract.ts';
import type { Deadline } from '../core/deadline.ts';
import type { TraceContext } from '../core/trace.ts';

/** One attempt of a call, before a transport puts it on its wire. */
export interface CallRequest {
  readonly operation: Operation & Bound;
  /** The input as the caller sent it: the service validates it and applies defaults. */
  readonly input: unknown;
  /** The idempotency key. Every command has one, and every attempt of one call carries the same. */
  readonly key: string | undefined;
  /** The caller's deadline. It travels as the time that is left. */
  readonly deadline: Deadline | undefined;
  /** The key of the saga step that this call undoes: the callee refuses that step's calls from then on (a tombstone). */
  readonly undoes: string | undefined;
  /** The number of the attempt, from 1. */
  readonly attempt: number;
  /** The span that the callee's work belongs to. */
  readonly trace?: TraceContext | undefined;
  readonly signal: AbortSignal;
}

/**
 * A call that carries several messages: it yields the outputs, and returns how the call ended, which is an output of `undefined`
 * where all went well. To leave it early (`break`, or its `return()`) cancels the call.
 */
export type AnswerStream = AsyncGenerator<unknown, Answer, void>;

/**
 * PORT. Carries calls to one service, or to one instance of it.
 *
 * Guarantees of every transport, shown by the conformance suite:
 * - `send` resolves with the answer of the service. It rejects only when the outcome is unknown (`Unreachable`: no connection, a
 *   broken one, an answer that no service gives), when the input cannot be sent at all (`InputInvalid`: nothing was sent), when the
 *   answer is beyond a limit of the caller (`AnswerTooLarge`), or with the reason of `signal` after an abort.
 * - Input and output cross as JSON, by value: caller and service never share an object. An input that JSON or the address of
 *   the operation cannot carry is refused alike by every transport.
 * - Idempotency key, step to undo, number of the attempt and trace arrive unchanged.
 * - An abort reaches the service: the signal of its handler aborts.
 * - The deadline that the service sees is never later than the caller's.
 * - Calls that are in flight at the same time do not wait for each other.
 * - After `close`, `send` rejects with `Unreachable`.
 */
export interface Transport {
  /** Sends one request and resolves with its one answer. */
  send(request: CallRequest): Promise<Answer>;
  /**
   * Opens a call with several messages: `inputs` go to the service, the stream brings its outputs. A transport without this method
   * carries unary calls only. No transport has it yet, since contracts declare unary operations only.
   */
  readonly stream?: (request: CallRequest, inputs: AsyncIterable<unknown>) => AnswerStream;
  /** Closes the connections. Calls in flight reject. */
  close(): Promise<void>;
}

/** The receiving side: what a service offers to transports. It never rejects: an error is an answer, too. */
export interface Endpoint {
  handle(request: CallRequest): Promise<Answer>;
  /** Serves a call with several messages. No service has it yet, as `Transport.stream` says. */
  readonly stream?: (request: CallRequest, inputs: AsyncIterable<unknown>) => AnswerStream;
}
