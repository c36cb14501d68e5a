export type { Bus, BusDriver, Handle, SubscribeOptions, Subscription } from './bus.ts';
export { type Envelope, EnvelopeInvalid, parseEnvelope } from './envelope.ts';
export { BusClosed, RowUnreadable, SubscribeInvalid } from './errors.ts';
