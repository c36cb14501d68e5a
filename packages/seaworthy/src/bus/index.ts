export type {
  Bus,
  BusDriver,
  BusFeatures,
  Delivered,
  DisposableBusDriver,
  Handle,
  Membership,
  SubscribeOptions,
  Subscription,
  Topology,
  UnreadableMessage,
} from './bus.ts';
export { type Envelope, parseEnvelope } from './envelope.ts';
export { BusClosed, EnvelopeInvalid, EventsRefused, RowUnreadable, SubscribeInvalid, TopologyMissing } from './errors.ts';
