import type { Contract, Members, Operation } from '../contract/contract.ts';
import { operationsOf } from '../contract/member.ts';
import { checkOptions } from '../core/options.ts';
import type { EventsOf } from '../outbox/publish.ts';
import type { Attachable } from '../resilience/policy.ts';
import type { AnySaga } from '../saga/definition.ts';
import type { Isolation, Migration, Read, StoreDriver, Tx } from '../store/store.ts';
import { ServiceInvalid } from './errors.ts';
import { externalOf, type Handlers, type On, type Reacts, remoteOf } from './handler.ts';

const isHandlerOf = ({ kind }: Operation, handler: unknown): boolean =>
  typeof handler === 'function' && (kind === 'command' ? remoteOf(handler) : externalOf(handler)) === undefined;

/** The definition of a service, as `service` makes it. A fleet runs it. */
export interface Service<S extends string = string, Use extends string = string> {
  readonly contract: Contract<S, Members>;
  readonly store: StoreDriver<never, unknown> | undefined;
  readonly migrations: readonly Migration[];
  readonly handlers: { readonly [name: string]: unknown };
  readonly on: readonly Reacts<Use>[];
  readonly sagas: readonly AnySaga<S, Use>[];
  readonly policies: readonly Attachable[];
  readonly isolation: Isolation;
}

const isolations: Readonly<Record<Isolation, true>> = { serializable: true, 'repeatable read': true, 'read committed': true };

/**
 * Defines the service of a contract: a handler for each operation, reactions to other services' events, the sagas it
 * owns, and its tables. Throws `ServiceInvalid` when the handlers or the sagas do not match the contract.
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
    /** The store of its data. Default: that of the fleet, which is embedded SQLite unless the fleet has another. */
    readonly store?: StoreDriver<T, R>;
    /** The migrations that make its tables, each with a name of its own: `orders/1`. Default none. */
    readonly migrations?: readonly Migration[];
    readonly handlers: Handlers<S, M, T, R>;
    readonly on?: (on: On<S, EventsOf<M>, T>) => readonly Reacts<Heard>[];
    readonly sagas?: readonly AnySaga<NoInfer<S>, Used, NoInfer<T>>[];
    /** The policies that its handlers put around third parties. They get its clock, metrics and log while it runs. Default none. */
    readonly policies?: readonly Attachable[];
    /**
     * The weakest isolation that its handlers, reactions and local saga steps tolerate. Below `serializable` each must guard what it has
     * read and decides by, such as by a condition on its update. Default `serializable`.
     */
    readonly isolation?: Isolation;
  },
): Service<S, Heard | Used> {
  const on: On<S, EventsOf<M>, T> = (event, handle) => ({ event, handle });
  const handlers = spec.handlers as { readonly [name: string]: unknown };
  const name = contract['~contract'];
  checkOptions(`the service ${name}`, spec, {
    ...{ store: true, migrations: true, handlers: true, on: true, sagas: true, policies: true, isolation: true },
  });
  const wanted = operationsOf(contract).map((operation) => operation.name);
  const missing = wanted.filter((member) => handlers[member] === undefined);
  const unknown = Object.keys(handlers).filter((member) => !wanted.includes(member));
  if (missing.length > 0) throw new ServiceInvalid(`service ${name} has no handler for ${missing.join(', ')}: add it to \`handlers\``);
  if (unknown.length > 0) {
    throw new ServiceInvalid(
      `service ${name} handles ${unknown.join(', ')}, which its contract does not offer: declare it there or remove it`,
    );
  }
  const misfit = operationsOf(contract).find((operation) => !isHandlerOf(operation, handlers[operation.name]));
  if (misfit) {
    const helper = misfit.kind === 'command' ? 'external' : 'remote';
    throw new ServiceInvalid(
      `service ${name} has no ${misfit.kind} handler for ${misfit.name}: a ${misfit.kind} takes a function, or what \`${helper}\` makes of functions`,
    );
  }
  const foreign = spec.sagas?.find((saga) => saga.service !== name);
  if (foreign)
    throw new ServiceInvalid(
      `service ${name} lists the saga ${foreign.name} of ${foreign.service}: list it in the service of its contract`,
    );
  const { isolation = 'serializable' } = spec;
  if (!Object.hasOwn(isolations, isolation))
    throw new ServiceInvalid(
      `service ${name} asks for the isolation ${JSON.stringify(isolation)}: choose one of ${Object.keys(isolations).join(', ')}`,
    );
  return Object.freeze({
    contract: contract as unknown as Contract<S, Members>,
    store: spec.store as StoreDriver<never, unknown> | undefined,
    migrations: spec.migrations ?? [],
    handlers,
    on: spec.on?.(on) ?? [],
    sagas: (spec.sagas ?? []) as readonly AnySaga<S, Used>[],
    policies: spec.policies ?? [],
    isolation,
  });
}
