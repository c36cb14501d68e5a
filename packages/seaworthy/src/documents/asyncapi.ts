import type { AnyContract, Bound, Event } from '../contract/contract.ts';
import { eventsOf } from '../contract/member.ts';
import { jsonSchema } from '../contract/schema.ts';
import { checkOptions } from '../core/options.ts';
import { components } from './components.ts';
import { aboutOf, type Doc, type DocumentOptions, documentNames, infoOf } from './document.ts';
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

/** Describes an event on the bus: a CloudEvents 1.0 event in structured JSON form. */
function envelopeDoc({ service, name, key, notAfter }: Event & Bound, data: Doc): Doc {
  return {
    type: 'object',
    properties: {
      specversion: { const: '1.0' },
      id: { ...text, description: 'The unique id of the event, by which a redelivery is recognised.' },
      source: { const: `/${service}` },
      type: { const: `${service}.${name}` },
      partitionkey: {
        ...text,
        description: `The value of data.${key}. Events of one key are delivered in order, across all event types of the channel.`,
      },
      time: moment,
      datacontenttype: { const: 'application/json' },
      data,
      ...(notAfter !== undefined && {
        notafter: { ...moment, description: 'The time at which the event expires and goes to the dead letters instead of its handler.' },
      }),
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
 * Makes the AsyncAPI 3.0 document of the events of one or several contracts, with a channel for each contract that has events
 * (https://www.asyncapi.com/docs/reference/specification/v3.0.0).
 */
export function asyncapi(contracts: AnyContract | readonly AnyContract[], options: DocumentOptions = {}): AsyncApi {
  checkOptions('asyncapi', options, documentNames);
  const all = [contracts].flat() as readonly AnyContract[];
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
      // The input form describes published data; subscribers validate them.
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
      description: [contract['~description'], `The events of ${service}. The key of a message is its partitionkey.`]
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
