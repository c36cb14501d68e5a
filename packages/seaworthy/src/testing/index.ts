export { seededRandom, type VirtualClock, virtualClock } from './clock.ts';
export { CrashPointUnknown, crashAt } from './crash.ts';
export { FaultsInvalid, GivenInvalid, StormFailed } from './errors.ts';
export { type FaultName, type FaultOptions, type Faults, seededFaults, usualRates } from './faults.ts';
export { BusFault, faultyBus } from './faulty-bus.ts';
export { faultyStore } from './faulty-store.ts';
export { faultyTransport } from './faulty-transport.ts';
export { type Came, type Ended, type Given, given, type Made, type Scripted } from './given.ts';
export { type InStorm, type StormOptions, type StormReport, storm } from './storm.ts';
