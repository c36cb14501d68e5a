/** What kind of failure an error is; each transport has one table from here to its own status. */
export type Kind =
  | 'invalid' // the request is wrong; the same request will be wrong again
  | 'not_found'
  | 'conflict' // somebody else is at it
  | 'mismatch' // the key was used for something else
  | 'exhausted' // a limit of ours; nothing was done
  | 'upstream' // somebody who was asked failed at it
  | 'unavailable' // nobody could serve it now
  | 'deadline'
  | 'cancelled' // the caller went away
  | 'internal';

/**
 * The base of every error that Seaworthy throws: a stable `code` (a row in docs/errors.md), a `kind`,
 * a `cause` where there is one, and a message that says what to do.
 */
export abstract class SeaworthyError extends Error {
  abstract readonly code: `SW_${string}`;
  abstract readonly kind: Kind;
  /** Milliseconds after which another try may succeed; `undefined` when nobody knows. */
  readonly retryAfterMs: number | undefined;

  constructor(message: string, options: { readonly cause?: unknown; readonly retryAfterMs?: number | undefined } = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.name = new.target.name;
    this.retryAfterMs = options.retryAfterMs;
  }
}
