import type { Contract, Members } from '../contract/contract.ts';
import { operationsOf } from '../contract/member.ts';
import { SeaworthyError } from '../core/errors.ts';
import type { Attachable } from '../resilience/policy.ts';
import type { AnySaga } from '../saga/definition.ts';
import type { Migration, Read, StoreDriver, Tx } from '../store/store.ts';
import type { Handlers, On, Reacts } from './handler.ts';

/** A service whose definition lacks a handler, or has one that its contract does not know. */
export class ServiceInvalid extends SeaworthyError {
  readonly code = 'SW_SERVICE_INVALID';
  readonly kind = 'invalid';
}

/** A service, defined: not yet running, and not yet anywhere. */
export interface Service<S extends string = string, Use extends string = string> {
  readonly contract: Contract<S, Members>;
  readonly store: StoreDriver<never, unknown> | undefined;
  readonly migrations: readonly Migration[];
  readonly handlers: { readonly [name: string]: unknown };
  readonly on: readonly Reacts<Use>[];
  readonly sagas: readonly AnySaga<S, Use>[];
  readonly policies: readonly Attachable[];
}

/**
 * Defines the service of a contract: a handler for each operation, reactions to other services' events, the sagas it
 * owns, and its tables. Throws `ServiceInvalid` when the handlers and the contract do not match.
 */
export function service<
  const S extends string,
  M extends Members,
  Heard extends string = never,
  Used extends string = never,
  T = Tx,
  R = Read,
>(
  contract: Contract<S, M>,
  spec: {
    /** Where its data lives. Default: what the fleet runs on, which is embedded SQLite unless it says otherwise. */
    readonly store?: StoreDriver<T, R>;
    /** Its own tables. Names are its own too: `orders/1`. */
    readonly migrations?: readonly Migration[];
    readonly handlers: Handlers<M, T, R>;
    readonly on?: (on: On<M, T>) => readonly Reacts<Heard>[];
    readonly sagas?: readonly AnySaga<NoInfer<S>, Used, NoInfer<T>>[];
    /** Policies around third parties, which report where the service does while it runs. Default none: they report nowhere. */
    readonly policies?: readonly Attachable[];
  },
): Service<S, Heard | Used> {
  const on: On<M, T> = (event, handle) => ({ event, handle });
  const handlers = spec.handlers as { readonly [name: string]: unknown };
  const name = contract['~contract'];
  const wanted = operationsOf(contract).map((operation) => operation.name);
  const missing = wanted.filter((member) => handlers[member] === undefined);
  const unknown = Object.keys(handlers).filter((member) => !wanted.includes(member));
  if (missing.length > 0) throw new ServiceInvalid(`service ${name} has no handler for ${missing.join(', ')}: add it to \`handlers\``);
  if (unknown.length > 0) {
    throw new ServiceInvalid(
      `service ${name} handles ${unknown.join(', ')}, which its contract does not offer: declare it there or remove it`,
    );
  }
  return Object.freeze({
    contract: contract as unknown as Contract<S, Members>,
    store: spec.store as StoreDriver<never, unknown> | undefined,
    migrations: spec.migrations ?? [],
    handlers,
    on: spec.on?.(on) ?? [],
    sagas: (spec.sagas ?? []) as readonly AnySaga<S, Used>[],
    policies: spec.policies ?? [],
  });
}
