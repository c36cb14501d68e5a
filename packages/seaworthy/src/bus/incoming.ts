import { isKey } from '../core/key.ts';
import type { Runtime } from '../core/runtime.ts';
import type { Delivered } from './bus.ts';
import type { Delivery } from './dispatch.ts';
import type { Envelope } from './envelope.ts';
import { EnvelopeInvalid } from './errors.ts';
import { type Message, readMessage, textOfBody } from './message.ts';
import type { Subscribing } from './options.ts';

/** A message, read or unreadable, with the parts that a dispatch needs. */
export interface Incoming extends Pick<Delivery, 'key' | 'type' | 'id' | 'position' | 'handle'> {
  /** The message is not an event, and the subscription takes no such messages. */
  readonly passedOver: boolean;
}

/** Where a message is: in words, such as `row 7 of bus_log`, and as its position in the topic. */
export interface Standing {
  readonly place: string;
  readonly position: string;
}

/** Returns the id of a message that is not an event. */
const unreadableId = (topic: string, position: string): string => `${topic}@${position}`;

/** Returns the key in whose order a message is delivered, also for one that is not an event. */
export function orderingKey(topic: string, message: Message, position: string): string {
  try {
    return readMessage(message).partitionkey;
  } catch {
    return message.key || unreadableId(topic, position);
  }
}

/**
 * Reads a message for a subscription. A message that is not an event is logged and counted; it goes to the subscription's
 * `unreadable` in the order of its key, or is passed over where there is none.
 */
export function incoming(
  { topic, group, handle, unreadable }: Subscribing,
  message: Message,
  { place, position }: Standing,
  { observe }: Runtime,
  read: (message: Message) => Envelope = readMessage,
): Incoming {
  try {
    const envelope = read(message);
    const { partitionkey: key, type, id } = envelope;
    return { key, type, id, position, passedOver: false, handle: (delivered: Delivered) => handle(envelope, delivered) };
  } catch (error) {
    if (!(error instanceof EnvelopeInvalid)) throw error;
    const id = unreadableId(topic, position);
    const unread = { id, key: message.key && isKey(message.key) ? message.key : id, text: textOfBody(message.body), error };
    observe.count('seaworthy_bus_unreadable_total', { topic, group });
    const fate = unreadable ? 'goes to the dead letters' : 'is passed over';
    observe.log('error', `${place} is not an event and ${fate}`, { topic, group, position, error });
    return {
      key: unread.key,
      type: 'unreadable',
      id,
      position,
      passedOver: !unreadable,
      handle: async (delivered) => unreadable?.(unread, delivered),
    };
  }
}
