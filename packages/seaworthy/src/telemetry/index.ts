export { labelled, type Telemetry, type TelemetryOptions, telemetry } from './telemetry.ts';
