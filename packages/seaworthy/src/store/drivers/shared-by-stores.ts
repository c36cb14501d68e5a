/** Something that the stores of a driver share, such as connections: the first store opens it, and the last one closes it. */
export interface SharedByStores<V> {
  join(open: () => V): V;
  /** Resolves once it is closed, when the last store leaves. */
  leave(): Promise<void>;
}

export function sharedByStores<V>(close: (value: V) => Promise<void>): SharedByStores<V> {
  let current: { readonly value: V } | undefined;
  let stores = 0;
  return {
    join(open) {
      current ??= { value: open() };
      stores++;
      return current.value;
    },
    async leave() {
      if (--stores > 0 || !current) return;
      const { value } = current;
      current = undefined;
      await close(value);
    },
  };
}
