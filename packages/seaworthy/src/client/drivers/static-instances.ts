import type { Instance, InstanceSource } from '../instance-source.ts';

/** Makes a list of instances, each address once. */
export const listOf = (addresses: readonly string[]): readonly Instance[] =>
  Object.freeze([...new Set(addresses)].map((at) => Object.freeze({ at })));

/** Lists instances that never change, by their addresses. */
export function staticInstances(addresses: readonly string[]): InstanceSource {
  const list = listOf(addresses);
  return { current: () => list };
}
