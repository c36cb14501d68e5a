import type { Launch } from 'seaworthy/fleet';
import type { Service } from 'seaworthy/service';
import { UsageInvalid } from './errors.ts';

export const nameOf = (service: Service): string => service.contract['~contract'];

/** Returns the named services, or all when none is named. Throws `UsageInvalid` for a name that the fleet does not have. */
export function selectServices({ fleet }: Launch, names: readonly string[]): readonly Service[] {
  const all = fleet.services.map(nameOf);
  const unknown = names.find((name) => !all.includes(name));
  if (unknown !== undefined) throw new UsageInvalid(`the fleet has no service ${unknown}: it has ${all.join(', ')}`);
  return fleet.services.filter((service) => names.length === 0 || names.includes(nameOf(service)));
}

/** Throws `UsageInvalid` for a name that is neither a service of the fleet nor its gateway. */
export function requireKnown({ fleet }: Launch, names: readonly string[]): void {
  const all = [...fleet.services.map(nameOf), ...(fleet.gateway ? ['gateway'] : [])];
  const unknown = names.find((name) => !all.includes(name));
  if (unknown === 'gateway') throw new UsageInvalid(`the fleet has no gateway: name services to start (it has ${all.join(', ')})`);
  if (unknown !== undefined) throw new UsageInvalid(`the fleet has no service ${unknown}: it has ${all.join(', ')}`);
}
