/** The kind of an error. Each transport has one table from kinds to its own statuses. */
export type Kind =
  | 'invalid' // the request is wrong; the same request fails again
  | 'not_found'
  | 'conflict' // another call or process works on the same thing
  | 'mismatch' // the key was used for something else
  | 'exhausted' // a limit was reached; nothing was done
  | 'upstream' // a callee failed
  | 'unavailable' // no process can serve the request now
  | 'deadline'
  | 'cancelled' // the caller disconnected
  | 'internal';

/**
 * The base class of every error that Seaworthy throws. It has a stable `code` (a row in docs/errors.md), a `kind`, a `cause` where there
 * is one, and a message that says what happened and what to do.
 */
export abstract class SeaworthyError extends Error {
  abstract readonly code: `SW_${string}`;
  abstract readonly kind: Kind;
  /** The milliseconds after which a retry may succeed; `undefined` when that is unknown. */
  readonly retryAfterMs: number | undefined;

  constructor(message: string, options: { readonly cause?: unknown; readonly retryAfterMs?: number | undefined } = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.name = new.target.name;
    this.retryAfterMs = options.retryAfterMs;
  }
}
