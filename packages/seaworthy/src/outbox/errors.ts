import type { Finding } from '../contract/schema.ts';
import { SeaworthyError } from '../core/errors.ts';

/** An event cannot be published: its data breaks the contract, has no key, or is larger than the bus takes. The transaction rolls back. */
export class EventInvalid extends SeaworthyError {
  readonly code = 'SW_OUTBOX_EVENT_INVALID';
  // This is a mistake of the service, not of its caller.
  readonly kind = 'internal';
  readonly issues: readonly Finding[];

  constructor(message: string, issues: readonly Finding[], options?: { readonly cause?: unknown }) {
    super(message, options);
    this.issues = issues;
  }
}

/** The subscriptions or options of a consumer contradict each other. */
export class SubscriptionInvalid extends SeaworthyError {
  readonly code = 'SW_OUTBOX_SUBSCRIPTION_INVALID';
  readonly kind = 'invalid';
}

/** The handler of an event did not finish within its timeout; the attempt has failed. */
export class HandlerTimeout extends SeaworthyError {
  readonly code = 'SW_OUTBOX_HANDLER_TIMEOUT';
  readonly kind = 'deadline';
}

/** An event cannot be handled: its data breaks the contract, it has expired, or no process subscribes to it. */
export class EventRefused extends SeaworthyError {
  readonly code = 'SW_OUTBOX_EVENT_REFUSED';
  readonly kind = 'invalid';
  readonly issues: readonly Finding[];

  constructor(message: string, issues: readonly Finding[] = []) {
    super(message);
    this.issues = issues;
  }
}

/** No dead letter has this id. */
export class DeadLetterUnknown extends SeaworthyError {
  readonly code = 'SW_OUTBOX_DEAD_LETTER_UNKNOWN';
  readonly kind = 'not_found';
}
