/** An event on its way: a CloudEvents 1.0 event in structured JSON form (https://github.com/cloudevents/spec, v1.0.2). */
export interface Envelope {
  readonly specversion: '1.0';
  /** Unique; the inbox recognises a repeat by it. */
  readonly id: string;
  /** The publishing service: `/orders`. */
  readonly source: string;
  /** Contract and event: `orders.orderCancelled`. */
  readonly type: string;
  /** The aggregate's id: order is kept among equal keys. CloudEvents' partitioning extension. */
  readonly partitionkey: string;
  /** RFC 3339, in UTC. */
  readonly time: string;
  readonly datacontenttype: 'application/json';
  readonly data: unknown;
  /** W3C trace context, CloudEvents' distributed tracing extension. */
  readonly traceparent?: string;
  /** RFC 3339: after this moment it goes to the dead letters unhandled. Ours. */
  readonly notafter?: string;
}
