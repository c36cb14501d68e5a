import { attributesOf, checkedEnvelope, type Envelope, parseEventJson, withContentType } from './envelope.ts';

/** A message as an engine delivers it. */
export interface Message {
  readonly body: string | Uint8Array;
  /** Names are compared without regard to case. Default none. */
  readonly headers?: Readonly<Record<string, string | Uint8Array | undefined>>;
  /** The engine's own key of the message, used where the event has no `partitionkey`. */
  readonly key?: string | undefined;
  /** When the engine took the message, in milliseconds since the epoch; used where the event has no `time`. */
  readonly timeMs?: number | undefined;
}

const utf8 = new TextDecoder();
export const textOfBody = (body: string | Uint8Array): string => (typeof body === 'string' ? body : utf8.decode(body));

/** How the bindings of CloudEvents mark the attributes of a binary event: Kafka, NATS and HTTP, AMQP (two forms). */
const prefixes = ['ce_', 'ce-', 'cloudevents:', 'cloudevents_'] as const;

/** The HTTP and NATS bindings percent-encode the values of their headers. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Returns the attributes in the headers; none for a structured event. */
function attributesIn(headers: NonNullable<Message['headers']>): Readonly<Record<string, string>> {
  const attributes: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    const lower = name.toLowerCase();
    const prefix = prefixes.find((one) => lower.startsWith(one));
    if (prefix === undefined || value === undefined) continue;
    const text = textOfBody(value);
    attributes[lower.slice(prefix.length)] = prefix === 'ce-' ? decoded(text) : text;
  }
  return attributes;
}

function contentTypeOf(headers: NonNullable<Message['headers']>): string | undefined {
  const found = Object.entries(headers).find(([name]) => name.toLowerCase() === 'content-type' || name.toLowerCase() === 'content_type');
  return found?.[1] === undefined ? undefined : (textOfBody(found[1]).split(';', 1)[0] as string).trim().toLowerCase();
}

/**
 * Reads the event in a message, for every driver: a CloudEvents 1.0 event in structured mode (the body is the event) or in binary
 * mode (headers are its attributes, the body is its data). Throws `EnvelopeInvalid`, which names each attribute and its rule.
 */
export function readMessage({ body, headers = {}, key, timeMs }: Message): Envelope {
  const contentType = contentTypeOf(headers);
  const inHeaders = attributesIn(headers);
  const structured = contentType === 'application/cloudevents+json' || !('specversion' in inHeaders);
  const parsed = parseEventJson(textOfBody(body));
  const attributes = structured
    ? attributesOf(parsed)
    : { ...inHeaders, ...(contentType !== undefined && { datacontenttype: contentType }), data: parsed };
  return checkedEnvelope(
    withContentType({
      ...(key !== undefined && key !== '' && { partitionkey: key }),
      ...(timeMs !== undefined && { time: new Date(timeMs).toISOString() }),
      ...attributes,
    }),
  );
}
