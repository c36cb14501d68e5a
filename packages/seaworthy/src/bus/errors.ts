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

/** A message is not a CloudEvents 1.0 event with a key; the message names each attribute and its rule. */
export class EnvelopeInvalid extends SeaworthyError {
  readonly code = 'SW_ENVELOPE_INVALID';
  readonly kind = 'invalid';
}

/** The engine can never take some of the events, for example one that is too large. `ids` names them; nothing was published. */
export class EventsRefused extends SeaworthyError {
  readonly code = 'SW_BUS_EVENTS_REFUSED';
  readonly kind = 'invalid';
  readonly ids: readonly string[];

  constructor(message: string, ids: readonly string[], options?: { readonly cause?: unknown }) {
    super(message, options);
    this.ids = ids;
  }
}

/** Topics or groups that a service needs are missing on the bus; the message names each. */
export class TopologyMissing extends SeaworthyError {
  readonly code = 'SW_BUS_TOPOLOGY_MISSING';
  readonly kind = 'invalid';
  readonly differences: readonly string[];

  constructor(differences: readonly string[]) {
    super(
      `the bus lacks topics or groups that this process needs (${differences.join('; ')}): apply the topology, or start with \`topology: 'apply'\``,
    );
    this.differences = differences;
  }
}

/** A group's row in the embedded log has no position, since another program has changed it. Its partition is left aside. */
export class RowUnreadable extends SeaworthyError {
  readonly code = 'SW_BUS_ROW_UNREADABLE';
  readonly kind = 'internal';
}
