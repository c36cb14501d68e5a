export { seededRandom, type VirtualClock, virtualClock } from './clock.ts';
