/** Told with each commit that puts events into the outbox, to the relay. */
export const outboxTopic = 'seaworthy/outbox';

/** Told with each commit that makes parked events due, to the consumers. */
export const parkedTopic = 'seaworthy/parked';
