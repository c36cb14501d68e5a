import type { At, Event, Named } from '../contract/contract.ts';
import { eventsOf } from '../contract/member.ts';
import { jsonSchema } from '../contract/schema.ts';
import { components } from './components.ts';
import { aboutOf, type Doc, type DocumentOptions, infoOf } from './document.ts';
import { nameOf } from './names.ts';

/** An AsyncAPI document, to be written as JSON. */
export interface AsyncApi {
  readonly asyncapi: '3.0.0';
  readonly info: Doc;
  readonly defaultContentType: 'application/cloudevents+json';
  readonly channels: Doc;
  readonly operations: Doc;
  readonly components: Doc;
}

const schemaFormat = 'application/schema+json;version=2020-12';

const text = { type: 'string', minLength: 1 };
const moment = { type: 'string', format: 'date-time' };

/** An event as it is on the bus: a CloudEvents 1.0 event in structured JSON form. */
function envelopeDoc({ service, name, key, notAfter }: Event & At, data: Doc): Doc {
  return {
    type: 'object',
    properties: {
      specversion: { const: '1.0' },
      id: { ...text, description: 'Unique: a repeat is known by it.' },
      source: { const: `/${service}` },
      type: { const: `${service}.${name}` },
      partitionkey: { ...text, description: `data.${key}: order is kept among equal ones, over all events of the channel.` },
      time: moment,
      datacontenttype: { const: 'application/json' },
      data,
      ...(notAfter !== undefined && { notafter: { ...moment, description: 'From then on it goes to the dead letters unhandled.' } }),
    },
    required: [
      'specversion',
      'id',
      'source',
      'type',
      'partitionkey',
      'time',
      'datacontenttype',
      'data',
      ...(notAfter === undefined ? [] : ['notafter']),
    ],
  };
}

/**
 * The AsyncAPI 3.0 document of the events of one contract or several: a channel for each contract that has some
 * (https://www.asyncapi.com/docs/reference/specification/v3.0.0).
 */
export function asyncapi(contracts: Named | readonly Named[], options: DocumentOptions = {}): AsyncApi {
  const all = [contracts].flat() as readonly Named[];
  const schemas = components({}, { wrap: (schema) => ({ schemaFormat, schema }), path: '/schema' });
  const messages: Record<string, Doc> = {};
  const channels: Record<string, Doc> = {};
  const operations: Record<string, Doc> = {};
  for (const contract of all) {
    const service = contract['~contract'];
    const events = eventsOf(contract);
    if (events.length === 0) continue;
    for (const event of events) {
      const type = `${service}.${event.name}`;
      // What was published goes out as it is; those who hear it validate it.
      const data = schemas.place(nameOf(event), jsonSchema(event.data, 'input'), 'Input');
      messages[type] = {
        name: type,
        ...(event.description !== undefined && { description: event.description }),
        contentType: 'application/cloudevents+json',
        payload: { schemaFormat, schema: envelopeDoc(event, data) },
      };
    }
    channels[service] = {
      address: service,
      description: [contract['~description'], `What happened in ${service}. The key of a message is its partitionkey.`]
        .filter((text) => text !== undefined)
        .join('\n\n'),
      messages: Object.fromEntries(events.map(({ name }) => [name, { $ref: `#/components/messages/${service}.${name}` }])),
    };
    operations[`${service}.publish`] = {
      action: 'send',
      channel: { $ref: `#/channels/${service}` },
      messages: events.map(({ name }) => ({ $ref: `#/channels/${service}/messages/${name}` })),
    };
  }
  return {
    asyncapi: '3.0.0',
    info: infoOf(all.map((contract) => contract['~contract']).join(', '), { ...aboutOf(all), ...options }),
    defaultContentType: 'application/cloudevents+json',
    channels,
    operations,
    components: { messages, schemas: schemas.schemas() },
  };
}
