/**
 * Copies a value of plain objects, lists and dates, so that a change of the copy changes nothing else. Other values, such as instances
 * of classes, are shared.
 */
export const copied = <V>(value: V): V => copy(value, new Map()) as V;

/** Copies one value. `known` has the copies so far, so that shared and circular references stay so. */
function copy(value: unknown, known: Map<object, unknown>): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const before = known.get(value);
  if (before !== undefined) return before;
  if (Array.isArray(value)) {
    const list: unknown[] = [];
    known.set(value, list);
    for (const one of value) list.push(copy(one, known));
    return list;
  }
  if (value instanceof Date) return new Date(value);
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return value;
  const object = Object.create(prototype as object | null) as Record<string, unknown>;
  known.set(value, object);
  for (const [name, one] of Object.entries(value)) {
    const part = copy(one, known);
    // An assignment to `__proto__` would change the prototype.
    if (name === '__proto__') Object.defineProperty(object, name, { value: part, enumerable: true, writable: true, configurable: true });
    else object[name] = part;
  }
  return object;
}
