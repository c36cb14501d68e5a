export type { Bridge } from './bridge.ts';
export { labelled } from './labelled.ts';
export { type Telemetry, type TelemetryOptions, telemetry } from './telemetry.ts';
export type { SpanRecord } from './tracer.ts';
