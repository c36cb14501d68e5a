import type { Attributes } from '../core/observe.ts';
import type { Tracer } from './tracer.ts';

/** Sends the metrics of `telemetry` to another system too, and makes its spans. */
export interface Bridge extends Tracer {
  count(name: string, attributes: Attributes, by: number): void;
  gauge(name: string, attributes: Attributes, read: () => number): () => void;
  /** Records a value of a histogram, in seconds. */
  measure(name: string, attributes: Attributes, seconds: number): void;
}
