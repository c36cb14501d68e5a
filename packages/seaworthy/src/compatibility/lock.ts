import type { AnyContract, Event, Operation } from '../contract/contract.ts';
import { isObject } from '../contract/json.ts';
import type { Node } from '../contract/json-schema.ts';
import { declaredErrors, eventsOf, operationsOf } from '../contract/member.ts';
import { jsonSchema, type Schema } from '../contract/schema.ts';
import { SeaworthyError } from '../core/errors.ts';

/** A file is not a contract lock; the message names the file and the fault. */
export class LockInvalid extends SeaworthyError {
  readonly code = 'SW_CONTRACT_LOCK_INVALID';
  readonly kind = 'invalid';
}

/** The two schemas of an answer: the form that the service writes, and the form that a caller with this version reads. */
export interface Sides {
  readonly writes: Node;
  readonly reads: Node;
}

/** A command or query as it was locked, with its schemas as JSON Schema. */
export interface LockedOperation {
  readonly kind: 'command' | 'query';
  readonly http: string;
  readonly status: number;
  readonly location?: string;
  readonly input: Node;
  readonly output?: Sides;
  readonly errors: Readonly<Record<string, { readonly status: number; readonly data?: Sides }>>;
}

/** An event as it was locked. */
export interface LockedEvent {
  readonly key: string;
  readonly notAfter?: string;
  readonly data: Node;
}

/** The operations and events of one contract, by name. */
export interface LockedContract {
  readonly operations: Readonly<Record<string, LockedOperation>>;
  readonly events: Readonly<Record<string, LockedEvent>>;
}

/** Contracts as plain JSON, to commit with the code and compare with a later version (`contract.lock.json`). */
export interface ContractLock {
  readonly lockVersion: 1;
  readonly contracts: Readonly<Record<string, LockedContract>>;
}

/** Returns a schema without the additions of its vendor, as if it had been read from a file. */
const bare = (schema: object): Node => {
  const { $schema: _, '~standard': __, ...rest } = schema as { $schema?: unknown; '~standard'?: unknown };
  return JSON.parse(JSON.stringify(rest)) as Node;
};

const sides = (schema: Schema): Sides => ({ writes: bare(jsonSchema(schema, 'output')), reads: bare(jsonSchema(schema, 'input')) });

function lockedOperation(operation: Operation): LockedOperation {
  const { kind, http, status, location, input, output } = operation;
  const declared = Object.entries(declaredErrors(operation));
  return {
    ...{ kind, http, status },
    ...(location !== undefined && { location }),
    input: bare(jsonSchema(input, 'input')),
    ...(output && { output: sides(output) }),
    errors: Object.fromEntries(
      declared.map(([name, error]) => [name, { status: error.status, ...(error.data && { data: sides(error.data) }) }]),
    ),
  };
}

const lockedEvent = ({ key, notAfter, data }: Event): LockedEvent => ({
  key,
  ...(notAfter !== undefined && { notAfter: String(notAfter) }),
  data: bare(jsonSchema(data, 'input')),
});

const locked = (contract: AnyContract): LockedContract => ({
  operations: Object.fromEntries(operationsOf(contract).map((operation) => [operation.name, lockedOperation(operation)])),
  events: Object.fromEntries(eventsOf(contract).map((event) => [event.name, lockedEvent(event)])),
});

/** Makes a lock of contracts, in the order of their names. */
export function lockOf(contracts: readonly AnyContract[]): ContractLock {
  const named = contracts.map((contract) => [contract['~contract'], contract] as const).sort(([a], [b]) => (a < b ? -1 : 1));
  return { lockVersion: 1, contracts: Object.fromEntries(named.map(([name, contract]) => [name, locked(contract)])) };
}

/** Reads a lock from parsed JSON. Throws `LockInvalid`, whose message names `from`, the file. */
export function readLock(value: unknown, from: string): ContractLock {
  const refuse = (what: string): LockInvalid =>
    new LockInvalid(`${from} is not a contract lock (${what}): write one with \`seaworthy contract print --lock\``);
  if (!isObject(value)) throw refuse('it is not a JSON object');
  if (value['lockVersion'] !== 1) throw refuse(`lockVersion is ${JSON.stringify(value['lockVersion'])} and must be 1`);
  const { contracts } = value;
  if (!isObject(contracts)) throw refuse('contracts is not an object');
  for (const [name, contract] of Object.entries(contracts)) {
    const place = `contracts.${name}`;
    if (!isObject(contract) || !isObject(contract['operations']) || !isObject(contract['events']))
      throw refuse(`${place} lacks operations or events`);
    for (const [operation, one] of Object.entries(contract['operations'])) {
      if (!isObject(one) || typeof one['http'] !== 'string' || one['input'] === undefined || !isObject(one['errors']))
        throw refuse(`${place}.operations.${operation} lacks http, input or errors`);
    }
    for (const [event, one] of Object.entries(contract['events'])) {
      if (!isObject(one) || typeof one['key'] !== 'string' || one['data'] === undefined)
        throw refuse(`${place}.events.${event} lacks key or data`);
    }
  }
  return value as unknown as ContractLock;
}
