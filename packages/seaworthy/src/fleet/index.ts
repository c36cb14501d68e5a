export { type Environment, EnvironmentInvalid, environment } from './environment.ts';
export { type Fleet, FleetInvalid, fleet } from './fleet.ts';
export { DrainExceeded, type RunningFleet, type StartOptions, start } from './start.ts';
