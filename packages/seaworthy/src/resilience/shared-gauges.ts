import type { Attributes, Observe } from '../core/observe.ts';

/** A gauge that adds up one number of each member. */
export interface MemberGauge<T> {
  readonly name: string;
  readonly attributes: Attributes;
  readonly of: (member: T) => number;
}

interface SharedGauges {
  readonly members: Set<unknown>;
  readonly remove: readonly (() => void)[];
}

const registries = new WeakMap<Observe, Map<string, SharedGauges>>();

/**
 * Registers a member in the gauges of its name. All members of a name share its gauges, since a breaker for each key would make too many
 * series. Returns a function that removes the member, and the gauges with the last one.
 */
export function register<T>(observe: Observe, name: string, gauges: readonly MemberGauge<T>[], member: T): () => void {
  const named = registries.get(observe) ?? new Map<string, SharedGauges>();
  registries.set(observe, named);
  let shared = named.get(name);
  if (!shared) {
    const members = new Set<T>();
    const sum = (of: (member: T) => number) => (): number => {
      let total = 0;
      for (const one of members) total += of(one);
      return total;
    };
    shared = { members, remove: gauges.map(({ name, attributes, of }) => observe.gauge(name, attributes, sum(of))) };
    named.set(name, shared);
  }
  const { members, remove } = shared;
  members.add(member);
  return () => {
    if (!members.delete(member) || members.size > 0) return;
    named.delete(name);
    for (const step of remove) step();
  };
}
