import type { BusFeatures, SubscribeOptions } from './bus.ts';
import { type Envelope, writeEnvelope } from './envelope.ts';
import { EventsRefused, SubscribeInvalid } from './errors.ts';

/** The options of a subscription, checked and with their defaults. */
export type Subscribing = Required<Omit<SubscribeOptions, 'unreadable' | 'concurrency'>> &
  Pick<SubscribeOptions, 'unreadable'> & { readonly concurrency: number };

/** Fills in the defaults. Throws `SubscribeInvalid`. */
export function checkedOptions({ topic, group, handle, unreadable, concurrency = 64 }: SubscribeOptions): Subscribing {
  const refuse = (name: string, rule: string): never => {
    throw new SubscribeInvalid(`${name} of the subscription of ${JSON.stringify(group)} to ${JSON.stringify(topic)} ${rule}`);
  };
  if (typeof topic !== 'string' || topic === '') refuse('topic', 'must be a non-empty string');
  if (typeof group !== 'string' || group === '') refuse('group', 'must be a non-empty string');
  if (typeof handle !== 'function') refuse('handle', 'must be a function');
  if (!Number.isSafeInteger(concurrency) || concurrency < 1) refuse('concurrency', `must be a whole number from 1 on, got ${concurrency}`);
  return { topic, group, handle, unreadable, concurrency };
}

/** Says that an event is larger than the bus takes. */
export const tooLarge = ({ type, id }: Envelope, bytes: number, maxBytes: number): string =>
  `${type} ${id} has ${bytes} bytes; the bus takes at most ${maxBytes} for one event: publish a reference in place of the content`;

/** An event and its text. */
export interface Written {
  readonly envelope: Envelope;
  readonly text: string;
}

/**
 * Writes events as text. Throws `EnvelopeInvalid` for what is not an event, and `EventsRefused` with the ids of all that are larger
 * than the engine takes.
 */
export function written(topic: string, envelopes: readonly Envelope[], { maxBytes }: Pick<BusFeatures, 'maxBytes'>): readonly Written[] {
  const all = envelopes.map((envelope) => ({ envelope, text: writeEnvelope(envelope) }));
  const large = all.filter(({ text }) => Buffer.byteLength(text) > maxBytes);
  const [first] = large;
  if (!first) return all;
  const more = large.length > 1 ? ` (and ${large.length - 1} more)` : '';
  throw new EventsRefused(
    `${topic} was not published${more}: ${tooLarge(first.envelope, Buffer.byteLength(first.text), maxBytes)}`,
    large.map(({ envelope }) => envelope.id),
  );
}
