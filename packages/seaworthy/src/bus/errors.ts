import { SeaworthyError } from '../core/errors.ts';

/** The bus has been closed. */
export class BusClosed extends SeaworthyError {
  readonly code = 'SW_BUS_CLOSED';
  readonly kind = 'unavailable';
}

/** An option of a subscription is wrong; the message names it and its rule. */
export class SubscribeInvalid extends SeaworthyError {
  readonly code = 'SW_BUS_SUBSCRIBE_INVALID';
  readonly kind = 'invalid';
}

/** A row of the log is no event, so that somebody else must have written it: it is passed over, and kept. */
export class RowUnreadable extends SeaworthyError {
  readonly code = 'SW_BUS_ROW_UNREADABLE';
  readonly kind = 'internal';
}
