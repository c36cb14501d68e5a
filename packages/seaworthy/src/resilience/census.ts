import type { Attributes, Observe } from '../core/observe.ts';

/** A number of each member, added up over all that have the same name. */
export interface Tally<T> {
  readonly name: string;
  readonly attributes: Attributes;
  readonly of: (member: T) => number;
}

interface Roll {
  readonly members: Set<unknown>;
  readonly remove: readonly (() => void)[];
}

const rolls = new WeakMap<Observe, Map<string, Roll>>();

/**
 * Shows a member in the gauges of its name. Gauges exist once a name, since many breakers, one a key, may share it: a
 * series for each of them would be too many. Returns how to leave; the last one takes the gauges away.
 */
export function enrol<T>(observe: Observe, name: string, tallies: readonly Tally<T>[], member: T): () => void {
  const named = rolls.get(observe) ?? new Map<string, Roll>();
  rolls.set(observe, named);
  let roll = named.get(name);
  if (!roll) {
    const members = new Set<T>();
    const sum = (of: (member: T) => number) => (): number => {
      let total = 0;
      for (const one of members) total += of(one);
      return total;
    };
    roll = { members, remove: tallies.map(({ name, attributes, of }) => observe.gauge(name, attributes, sum(of))) };
    named.set(name, roll);
  }
  const { members, remove } = roll;
  members.add(member);
  return () => {
    if (!members.delete(member) || members.size > 0) return;
    named.delete(name);
    for (const step of remove) step();
  };
}
