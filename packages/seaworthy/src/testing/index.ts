export { seededRandom, type VirtualClock, virtualClock } from './clock.ts';
export { CrashPointUnknown, crashAt } from './crash.ts';
