import { SeaworthyError } from '../core/errors.ts';
import { checkOptions } from '../core/options.ts';
import type { Gateway } from '../gateway/gateway.ts';
import type { Service } from '../service/service.ts';
import { nameFault } from './names.ts';

/** The services of a fleet do not fit together, or not to the options of `start`. The message names each option and its rule. */
export class FleetInvalid extends SeaworthyError {
  readonly code = 'SW_FLEET_INVALID';
  readonly kind = 'invalid';
}

/** Requires that everything used is in the fleet. Otherwise a property is missing whose name the compiler shows. */
type Whole<Name extends string, Used extends string> = [Exclude<Used, Name>] extends [never]
  ? unknown
  : { readonly [Lacking in `the fleet lacks ${Exclude<Used, Name>}`]: never };

/** The definition of the services of one system and of the gateway in front of them. */
export interface Fleet<Name extends string = string> {
  readonly services: readonly Service<Name>[];
  readonly gateway: Gateway | undefined;
}

/**
 * Defines a fleet. Does not compile when a service that is called, subscribed to or routed to is missing. Throws `FleetInvalid` when two
 * services have the same name, or when a name is reserved: `bus`, `gateway`, a device on Windows.
 */
export function fleet<const Name extends string, Used extends string = never, Routed extends string = never>(
  spec: { readonly services: readonly Service<Name, Used>[]; readonly gateway?: Gateway<Routed> } & Whole<
    NoInfer<Name>,
    NoInfer<Used> | NoInfer<Routed>
  >,
): Fleet<Name> {
  checkOptions('fleet', spec as Pick<Fleet, 'services' | 'gateway'>, { services: true, gateway: true });
  const names = spec.services.map((service) => service.contract['~contract']);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice) throw new FleetInvalid(`the fleet has two services named ${twice}: give each contract a name of its own`);
  for (const name of names) {
    const fault = nameFault(name);
    if (fault) throw new FleetInvalid(`the fleet has a service named ${name}, which ${fault}: give its contract another name`);
  }
  return Object.freeze({ services: [...spec.services], gateway: spec.gateway });
}
