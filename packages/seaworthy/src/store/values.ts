import type { Value } from './store.ts';

/** Throws a `TypeError` for a value that a statement cannot have. `index` counts from 0. */
export function refuseValue(value: Exclude<Value, null>, index: number): void {
  if (typeof value === 'string') {
    // PostgreSQL cannot keep it, and Node 22 reads a text up to it.
    if (!value.includes('\0')) return;
    throw new TypeError(
      `value ${index + 1} is a text with U+0000 in it, which not every engine can keep: replace it, or keep the text as bytes`,
    );
  }
  if (typeof value === 'bigint' || typeof value === 'boolean' || value instanceof Uint8Array) return;
  if (typeof value === 'number' && !Number.isNaN(value)) return;
  // Drivers would take an object for named values or for JSON, and NaN for null.
  const kind = typeof value === 'number' ? 'NaN' : `of type ${Object(value).constructor?.name ?? typeof value}`;
  throw new TypeError(`value ${index + 1} is ${kind}, not a string, number, bigint, boolean, Uint8Array or null`);
}
