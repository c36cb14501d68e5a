/** A set of pairs of objects. */
export interface PairSet {
  has(a: object, b: object): boolean;
  add(a: object, b: object): void;
  delete(a: object, b: object): void;
}

/** Makes an empty set. It does not keep the objects alive. */
export function pairSet(): PairSet {
  const all = new WeakMap<object, Set<object>>();
  return {
    has: (a, b) => all.get(a)?.has(b) === true,
    add(a, b) {
      const of = all.get(a) ?? new Set();
      all.set(a, of.add(b));
    },
    delete: (a, b) => void all.get(a)?.delete(b),
  };
}
