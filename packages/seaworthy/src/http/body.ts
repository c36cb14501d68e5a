import { isUtf8 } from 'node:buffer';
import { deepest } from '../contract/as-json.ts';
import { SeaworthyError } from '../core/errors.ts';

/** The body of a request is not JSON, or has a value that cannot be stored; the message names the place and the rule. */
export class BodyInvalid extends SeaworthyError {
  readonly code = 'SW_BODY_INVALID';
  readonly kind = 'invalid';
}

interface Fault {
  readonly place: readonly string[];
  readonly rule: string;
}

const notUnicode = 'has half of a surrogate pair, which cannot be stored: send well-formed Unicode';
const tooLarge = 'must be a number between -1.8e308 and 1.8e308: send another number, or a string';
const poisoned = 'is a name that could change objects of its receiver: leave it out';

/** Tells whether a field could change the prototype of all objects in code that merges objects. */
function isPoison(name: string, value: unknown): boolean {
  if (name === '__proto__') return true;
  return name === 'constructor' && typeof value === 'object' && value !== null && Object.hasOwn(value, 'prototype');
}

/** Finds the first fault of a value. `halves` tells whether the text may have half surrogate pairs. */
function faultIn(value: unknown, halves: boolean, depth: number): Fault | undefined {
  if (typeof value === 'string') return halves && !value.isWellFormed() ? { place: [], rule: notUnicode } : undefined;
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : { place: [], rule: tooLarge };
  if (typeof value !== 'object' || value === null) return undefined;
  if (depth === deepest) return { place: [], rule: `is nested more than ${deepest} levels deep: make it flatter` };
  for (const [name, inner] of Object.entries(value)) {
    if (isPoison(name, inner)) return { place: [name], rule: poisoned };
    if (halves && !name.isWellFormed()) return { place: [], rule: notUnicode };
    const fault = faultIn(inner, halves, depth + 1);
    if (fault) return { ...fault, place: [name, ...fault.place] };
  }
  return undefined;
}

/** Parses JSON from bytes (RFC 8259; UTF-8, without a byte order mark if there is one). Throws `BodyInvalid`. */
export function jsonOf(bytes: Buffer): unknown {
  if (bytes.length === 0) throw new BodyInvalid('body: is empty: send JSON, or no content-type');
  if (!isUtf8(bytes)) throw new BodyInvalid('body: is not UTF-8: send JSON as UTF-8');
  const text = bytes.toString('utf8');
  let value: unknown;
  try {
    value = JSON.parse(text.startsWith('\ufeff') ? text.slice(1) : text);
  } catch (cause) {
    throw new BodyInvalid('body: is not JSON: send well-formed JSON', { cause });
  }
  const fault = faultIn(value, /\\u[dD][89a-fA-F]/.test(text), 0);
  if (!fault) return value;
  const place = fault.place.slice(0, 10).join('.').slice(0, 200);
  throw new BodyInvalid(`body: ${place}${place && ' '}${fault.rule}`);
}
