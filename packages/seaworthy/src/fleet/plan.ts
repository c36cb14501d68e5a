import { staticInstances } from '../client/drivers/static-instances.ts';
import type { InstanceSource } from '../client/instance-source.ts';
import type { Gateway } from '../gateway/gateway.ts';
import type { Service } from '../service/service.ts';
import { type Fleet, FleetInvalid } from './fleet.ts';
import type { StartOptions } from './options.ts';

/** The parts of a fleet that run in this process, and the addresses of the others. */
export interface Plan {
  readonly services: readonly Service[];
  readonly gateway: Gateway | undefined;
  /** The instances of what is called over HTTP. */
  readonly elsewhere: ReadonlyMap<string, InstanceSource>;
  /** Gives the port of a service: 0 for any free one, `undefined` for none. */
  readonly portOf: (service: string) => number | undefined;
}

const nameOf = (service: Service): string => service.contract['~contract'];

/** Maps each service that is called from here to its caller: a saga, or a route of the gateway. */
function called(services: readonly Service[], gateway: Gateway | undefined): ReadonlyMap<string, string> {
  const by = new Map<string, string>();
  for (const service of services) {
    for (const saga of service.sagas)
      for (const used of saga.uses) by.set(used['~contract'], `the saga ${saga.name} of ${nameOf(service)}`);
  }
  for (const { http, targets } of gateway?.routes ?? []) for (const { service } of targets) by.set(service, `the route ${http}`);
  return by;
}

function isAddress(text: string): boolean {
  return URL.canParse(text) && ['http:', 'https:'].includes(new URL(text).protocol) && new URL(text).pathname === '/';
}

/** Checks the options against the fleet. Throws `FleetInvalid`, which names everything that does not fit. */
export function plan(fleet: Fleet, { only, addresses = {}, listen = {} }: StartOptions): Plan {
  const { services: ports = false, operations, bodies } = listen;
  const names = fleet.services.map(nameOf);
  const wrong: string[] = [];
  const known = (given: string, option: string): void => {
    if (!names.includes(given) && !(option === 'only' && given === 'gateway'))
      wrong.push(`${option} names ${given}, which the fleet does not have: it has ${names.join(', ')}`);
  };
  for (const name of only ?? []) known(name, 'only');
  if (only?.includes('gateway') && !fleet.gateway) wrong.push('only names the gateway, and the fleet has none');
  const found = new Map<string, InstanceSource>();
  for (const [name, given] of Object.entries(addresses)) {
    known(name, 'addresses');
    const source = typeof given === 'string' || Array.isArray(given) ? staticInstances([given].flat()) : (given as InstanceSource);
    for (const { at } of source.current())
      if (!isAddress(at)) wrong.push(`addresses.${name} must be http://HOST:PORT, got ${JSON.stringify(at)}`);
    // An empty list that never changes gives no address.
    if (source.watch || source.current().length > 0) found.set(name, source);
  }
  const checkPort = (option: string, port: number | undefined): void => {
    if (port !== undefined && !(Number.isInteger(port) && port >= 0 && port <= 65_535))
      wrong.push(`${option} must be a port from 0 to 65535, got ${port}`);
  };
  checkPort('listen.port', listen.port);
  checkPort('listen.operations.port', operations?.port);
  const fixed = typeof ports === 'object' ? new Map(Object.entries(ports)) : undefined;
  for (const [name, port] of fixed ?? []) {
    known(name, 'listen.services');
    checkPort(`listen.services.${name}`, port);
  }
  const services = fleet.services.filter((service) => !only || only.includes(nameOf(service)));
  const gateway = !only || only.includes('gateway') ? fleet.gateway : undefined;
  const here = new Set(services.map(nameOf));
  for (const [name, by] of called(services, gateway)) {
    if (here.has(name) || found.has(name)) continue;
    wrong.push(
      names.includes(name)
        ? `${by} calls ${name}, which neither runs in this process nor has an address: add it to \`only\` or to \`addresses\``
        : `${by} calls ${name}, which the fleet does not have: add its service to the \`services\` of the fleet`,
    );
  }
  for (const name of ['each', 'together'] as const) {
    const bytes = bodies?.[name];
    if (bytes !== undefined && !(Number.isSafeInteger(bytes) && bytes >= 1))
      wrong.push(`listen.bodies.${name} must be a whole number of bytes from 1 on, got ${bytes}`);
  }
  if (wrong.length > 0) throw new FleetInvalid(wrong.join('; '));
  return {
    services,
    gateway,
    elsewhere: new Map([...found].filter(([name]) => !here.has(name))),
    portOf: (service) => (fixed ? fixed.get(service) : ports ? 0 : undefined),
  };
}
