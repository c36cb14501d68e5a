/**
 * A value of plain objects and lists, copied: whoever changes the copy changes nothing else. Dates are copied too; other values, such
 * as instances of classes, stay the same ones.
 */
export function copied<V>(value: V): V {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(copied) as V;
  if (value instanceof Date) return new Date(value) as V;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return value;
  const copy = Object.create(prototype) as Record<string, unknown>;
  for (const [name, one] of Object.entries(value)) {
    // An assignment to `__proto__` would change the prototype.
    if (name === '__proto__')
      Object.defineProperty(copy, name, { value: copied(one), enumerable: true, writable: true, configurable: true });
    else copy[name] = copied(one);
  }
  return copy as V;
}
