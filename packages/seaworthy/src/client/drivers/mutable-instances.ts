import type { InstanceSource } from '../instance-source.ts';
import { listOf } from './static-instances.ts';

/** A list of instances in memory, and how to change it. */
export interface MutableInstances extends Required<InstanceSource> {
  /** Replaces the list. The next call uses the new one. */
  set(addresses: readonly string[]): void;
}

/** Lists instances by addresses that `set` replaces: for tests, and to follow a registry by code of your own. Default none. */
export function mutableInstances(addresses: readonly string[] = []): MutableInstances {
  let list = listOf(addresses);
  const listeners = new Set<{ readonly changed: () => void }>();
  return {
    current: () => list,
    watch(changed) {
      const listener = { changed };
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    set(next) {
      const known = new Set(list.map(({ at }) => at));
      const given = listOf(next);
      if (given.length === known.size && given.every(({ at }) => known.has(at))) return;
      list = given;
      for (const { changed } of listeners) changed();
    },
  };
}
