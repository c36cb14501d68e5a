/** Each commit that inserts events into the outbox notifies the relay on this topic. */
export const outboxTopic = 'seaworthy/outbox';

/** Each commit that makes parked events due notifies the consumers on this topic. */
export const parkedTopic = 'seaworthy/parked';
