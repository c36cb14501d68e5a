import type { Bus, Topology } from '../bus/bus.ts';
import type { Service } from '../service/service.ts';

/**
 * Returns the topics and groups that the services of a fleet need on the bus: a topic for the events of each service, and the group of
 * a service on each topic that it subscribes to. A step of a deployment gives it to `bus.plan`, `bus.apply` or `bus.verify`.
 */
export function topologyOf({ services }: { readonly services: readonly Service[] }): Topology {
  const named = services.map(({ contract, on }) => ({ contract, on, name: contract['~contract'] }));
  return {
    topics: named.filter(({ contract }) => Object.values(contract).some((member) => member.kind === 'event')).map(({ name }) => name),
    groups: named.flatMap(({ on, name }) => [...new Set(on.map(({ event }) => event.service))].map((topic) => ({ topic, group: name }))),
  };
}

/**
 * Creates or verifies the topics and groups of the services. Do it before anything is published: a bus without a log keeps an event
 * for no group that is registered later.
 */
export async function prepareBus(bus: Bus, services: readonly Service[], mode: 'apply' | 'verify' | 'trust' = 'apply'): Promise<void> {
  if (mode !== 'trust') await bus[mode](topologyOf({ services }));
}
