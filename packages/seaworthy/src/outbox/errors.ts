import type { Finding } from '../contract/schema.ts';
import { SeaworthyError } from '../core/errors.ts';

/** An event whose data breaks its own contract, in the publisher; nothing of the transaction is left. */
export class EventInvalid extends SeaworthyError {
  readonly code = 'SW_OUTBOX_EVENT_INVALID';
  // The service's own mistake, not its caller's.
  readonly kind = 'internal';
  readonly issues: readonly Finding[];

  constructor(message: string, issues: readonly Finding[], options?: { readonly cause?: unknown }) {
    super(message, options);
    this.issues = issues;
  }
}

/** Subscriptions that contradict each other. */
export class SubscriptionInvalid extends SeaworthyError {
  readonly code = 'SW_OUTBOX_SUBSCRIPTION_INVALID';
  readonly kind = 'invalid';
}

/** A handler of an event did not come to an end in its time; it counts as a failed attempt. */
export class HandlerTimeout extends SeaworthyError {
  readonly code = 'SW_OUTBOX_HANDLER_TIMEOUT';
  readonly kind = 'deadline';
}

/** An event that a handler cannot be given: its data breaks the contract, it came too late, or nobody handles it any more. */
export class EventRefused extends SeaworthyError {
  readonly code = 'SW_OUTBOX_EVENT_REFUSED';
  readonly kind = 'invalid';
  readonly issues: readonly Finding[];

  constructor(message: string, issues: readonly Finding[] = []) {
    super(message);
    this.issues = issues;
  }
}

/** There is no dead letter of this id. */
export class DeadLetterUnknown extends SeaworthyError {
  readonly code = 'SW_OUTBOX_DEAD_LETTER_UNKNOWN';
  readonly kind = 'not_found';
}
