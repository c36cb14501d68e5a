import {
  type AnyContract,
  type Event,
  holdsSecrets,
  type Members,
  type Operation,
  redact,
  redactByName,
  type Schema,
} from 'seaworthy/contract';
import type { DeadLetterDetail } from 'seaworthy/outbox';
import type { ListedSaga } from 'seaworthy/saga';
import type { Service } from 'seaworthy/service';

const membersOf = (contract: AnyContract): readonly Members[string][] =>
  Object.values(contract).filter((one: unknown): one is Members[string] => typeof one === 'object' && one !== null && 'kind' in one);

/** Lists all schemas of a contract. */
function schemasIn(contract: AnyContract): readonly Schema[] {
  return membersOf(contract).flatMap((member) => {
    if (member.kind === 'event') return [(member as Event).data];
    const { input, output, errors } = member as Operation;
    const declared = Object.values(errors as Readonly<Record<string, { readonly data?: Schema }>>);
    return [input, ...(output ? [output] : []), ...declared.flatMap(({ data }) => (data ? [data] : []))];
  });
}

/** Returns the event of a dead letter if its service still handles it. */
export const handledEvent = (service: Service, type: string): Event | undefined =>
  service.on
    .map(({ event }) => event as Event & { readonly service: string; readonly name: string })
    .find((one) => `${one.service}.${one.name}` === type);

/** Lists the schemas that the data of dead letters have, or may have had before the service stopped handling the event. */
const schemasOfType = (service: Service, type: string): readonly Schema[] => {
  const event = handledEvent(service, type);
  return event ? [event.data] : [...service.on.map(({ event: one }) => (one as Event).data), ...schemasIn(service.contract)];
};

/** Hides the secrets in the data of an event: by its schema, or by all field names that the service knows if it does not handle the event. */
export function shownData(service: Service, type: string, data: unknown): unknown {
  const event = handledEvent(service, type);
  return event ? redact(event.data, data) : redactByName(schemasOfType(service, type), data);
}

/** Returns the key of an event, or `***` when its contract marks that field as secret. */
export function shownKey(service: Service, type: string, key: string): string {
  const own = Object.entries(service.contract).find(([name]) => `${service.contract['~contract']}.${name}` === type)?.[1];
  const event = handledEvent(service, type) ?? (own as Event | undefined);
  return event ? ((redact(event.data, { [event.key]: key }) as Readonly<Record<string, string>>)[event.key] ?? '***') : key;
}

/** Hides the secrets of a dead letter. The whole text of an unreadable one is hidden if it may hold a secret. */
export function shownLetter(service: Service, letter: DeadLetterDetail): DeadLetterDetail {
  const { envelope: kept, type, text } = letter;
  const key = shownKey(service, type, letter.key);
  if (!kept) return { ...letter, key, text: holdsSecrets(schemasOfType(service, type)) ? '***' : text };
  const envelope = { ...kept, partitionkey: key, data: shownData(service, type, kept.data) };
  return { ...letter, key, envelope, text: JSON.stringify(envelope) };
}

/** Hides secrets by the field names of the saga, of its service and the events it handles, and of the contracts that the saga uses. */
function byNamesOf(service: Service, name: string): (value: unknown) => unknown {
  const definition = service.sagas.find((saga) => saga.name === name);
  const { input } = (definition ?? {}) as { readonly input?: Schema };
  const known = [service.contract, ...(definition?.uses ?? [])].flatMap(schemasIn);
  const schemas = [...(input ? [input] : []), ...known, ...service.on.map(({ event }) => (event as Event).data)];
  return (value) => redactByName(schemas, value);
}

/** Hides the secrets in the result of a step, or in a result that a verdict gives. */
export const shownResult = (service: Service, { name }: Pick<ListedSaga, 'name'>, result: unknown): unknown =>
  byNamesOf(service, name)(result);

/** Hides the secrets of a saga: in its input by its schema, in the results of its steps and the data of a declared error by field names. */
export function shownSaga(service: Service, instance: ListedSaga): ListedSaga {
  const byName = byNamesOf(service, instance.name);
  const { input } = (service.sagas.find(({ name }) => name === instance.name) ?? {}) as { readonly input?: Schema };
  const { cause, journal } = instance;
  return {
    ...instance,
    input: input ? redact(input, instance.input) : byName(instance.input),
    cause: cause?.kind === 'declared' ? { ...cause, data: byName(cause.data) } : cause,
    journal: journal.map((entry) => ('result' in entry ? { ...entry, result: byName(entry.result) } : entry)),
  };
}
