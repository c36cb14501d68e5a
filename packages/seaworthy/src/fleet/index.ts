export { type Environment, EnvironmentInvalid, environment } from './environment.ts';
export { type Fleet, FleetInvalid, fleet } from './fleet.ts';
export { type FleetFile, type Launch, launch, launchOf } from './launch.ts';
export type { StartOptions } from './options.ts';
export { DrainExceeded, type RunningFleet, start } from './start.ts';
export { topologyOf } from './topology.ts';
