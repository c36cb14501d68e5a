import type { Attributes } from '../core/observe.ts';
import type { Tracer } from './tracer.ts';

/** Takes what `telemetry` measures elsewhere as well, and makes its spans. */
export interface Bridge extends Tracer {
  count(name: string, attributes: Attributes, by: number): void;
  gauge(name: string, attributes: Attributes, read: () => number): () => void;
  /** One value of a histogram, in seconds. */
  measure(name: string, attributes: Attributes, seconds: number): void;
}
