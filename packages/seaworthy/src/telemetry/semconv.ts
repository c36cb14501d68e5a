import type { Attributes } from '../core/observe.ts';
import { codeOf, described } from '../core/thrown.ts';

/** The version of the messaging conventions: `old` is v1.24.0, which most tools know, `new` is v1.45.0, and `both` has all attributes. */
export type MessagingNames = 'old' | 'new' | 'both';

/** Reads `OTEL_SEMCONV_STABILITY_OPT_IN` (https://opentelemetry.io/docs/specs/semconv/messaging/): `messaging`, or `messaging/dup` for both. */
export function messagingNames(optIn: string | undefined): MessagingNames {
  const values = (optIn ?? '').split(',').map((value) => value.trim());
  if (values.includes('messaging/dup')) return 'both';
  return values.includes('messaging') ? 'new' : 'old';
}

/** The name and the attributes of a span by the semantic conventions. */
export interface ConventionalSpan {
  readonly name: string;
  readonly attributes: Attributes;
}

type Naming = (given: Readonly<Record<string, string>>, names: MessagingNames) => ConventionalSpan;

const ours = 'seaworthy';

/** The names of RPC spans, v1.45.0 (https://opentelemetry.io/docs/specs/semconv/rpc/rpc-spans/). */
const rpc: Naming = ({ operation = '' }) => {
  const method = operation.replace('.', '/');
  return { name: method, attributes: { 'rpc.system.name': ours, 'rpc.method': method } };
};

/** The names of HTTP server spans, v1.45.0 (https://opentelemetry.io/docs/specs/semconv/http/http-spans/). */
const http: Naming = ({ route = '' }) => {
  const [method = '', path = ''] = route.split(' ');
  return { name: route, attributes: { 'http.request.method': method, 'http.route': path } };
};

/** The names of messaging spans (https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/). */
const messaging =
  (type: 'send' | 'process', old: 'publish' | 'process'): Naming =>
  ({ topic, event = '', service, id, count }, names) => {
    const destination = topic ?? event.split('.', 1)[0] ?? '';
    return {
      name: names === 'old' ? `${destination} ${old}` : `${type} ${destination}`,
      attributes: {
        'messaging.system': ours,
        'messaging.destination.name': destination,
        ...(id !== undefined && { 'messaging.message.id': id }),
        ...(count !== undefined && { 'messaging.batch.message_count': Number(count) }),
        ...(names !== 'new' && { 'messaging.operation': old }),
        ...(names !== 'old' && { 'messaging.operation.type': type, 'messaging.operation.name': type }),
        ...(names !== 'old' && type === 'process' && service !== undefined && { 'messaging.consumer.group.name': service }),
      },
    };
  };

/** The names of database client spans, v1.45.0 (https://opentelemetry.io/docs/specs/semconv/database/database-spans/). */
const transaction: Naming = ({ dialect }) => ({
  name: 'transaction',
  attributes: { 'db.operation.name': 'transaction', ...(dialect && { 'db.system.name': dialect === 'postgres' ? 'postgresql' : dialect }) },
});

/** The names of spans of sagas, for which there is no convention. */
const saga =
  (verb: 'step' | 'undo'): Naming =>
  ({ saga: name = '', step = '' }) => ({ name: `${verb} ${name}.${step}`, attributes: {} });

const namings: Readonly<Record<string, Naming>> = {
  seaworthy_call: rpc,
  seaworthy_serve: rpc,
  seaworthy_gateway_request: http,
  seaworthy_outbox_publish: messaging('send', 'publish'),
  seaworthy_inbox_handle: messaging('process', 'process'),
  seaworthy_inbox_retry: messaging('process', 'process'),
  seaworthy_saga_step: saga('step'),
  seaworthy_saga_undo: saga('undo'),
  seaworthy_store_transaction: transaction,
  seaworthy_external_do: ({ operation = '' }) => ({ name: `do ${operation}`, attributes: {} }),
};

/** Returns the name and attributes of a span by the semantic conventions. Attributes without a convention are under `seaworthy.`. */
export function named(span: string, attributes: Attributes, names: MessagingNames): ConventionalSpan {
  const texts = Object.fromEntries(Object.entries(attributes).map(([key, value]) => [key, String(value)]));
  const own = Object.fromEntries(Object.entries(attributes).map(([key, value]) => [`${ours}.${key}`, value]));
  const { name, attributes: conventional } = namings[span]?.(texts, names) ?? { name: span, attributes: {} };
  return { name, attributes: { ...own, ...conventional } };
}

/** Returns the attributes that are known at the end of a span. */
export function ended(span: string, outcome: string, error: unknown): Attributes {
  return {
    [`${ours}.outcome`]: outcome,
    ...(span === 'seaworthy_gateway_request' && /^\d{3}$/.test(outcome) && { 'http.response.status_code': Number(outcome) }),
    ...(namings[span] === rpc && { 'rpc.response.status_code': outcome }),
    ...(error !== undefined && { 'error.type': String(codeOf(error) ?? described(error).type) }),
  };
}
