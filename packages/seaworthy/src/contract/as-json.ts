import { bounded } from '../core/thrown.ts';
import type { Finding } from './standard.ts';

/** The deepest nesting of lists and objects: a deeper value would overflow the stack of its receiver. */
export const deepest = 100;
const longestPlace = 300;

/** The JSON of a value, or the place and the rule of something that JSON cannot represent. */
export type AsJson = { readonly value: unknown } | { readonly fault: Finding };

/** Ends the reading of a value; its message is the rule. */
class NotJson extends Error {}

const without = (what: string): NotJson => new NotJson(`is ${what}, which JSON cannot represent: make it plain data`);

const isRoot = (prototype: object): boolean => Array.isArray(prototype) || Object.getPrototypeOf(prototype) === null;

/**
 * Names the class of an object whose JSON would lose something, such as a Map, a Date, an Error, or an instance of a user's class
 * with methods or accessors. An instance of a class without these is as good as a plain object.
 */
function classOf(value: object): string | undefined {
  let prototype: object | null = Object.getPrototypeOf(value);
  while (prototype !== null && !isRoot(prototype)) {
    if (Reflect.ownKeys(prototype).some((member) => member !== 'constructor')) return value.constructor.name.slice(0, 50);
    prototype = Object.getPrototypeOf(prototype);
  }
  return undefined;
}

function scalar(value: unknown): unknown {
  if (typeof value === 'bigint')
    throw new NotJson('is a bigint, which JSON cannot represent: make it a string, or a number where that is safe');
  if (typeof value !== 'number') throw without(value === undefined ? 'undefined' : `a ${typeof value}`);
  if (!Number.isFinite(value)) throw without(String(value));
  return value === 0 ? 0 : value; // JSON can write -0, but JSON.stringify does not
}

/** Tells whether a field could change the prototype of all objects in code that merges objects. */
const isPoison = (name: string, value: unknown): boolean =>
  name === '__proto__' || (name === 'constructor' && typeof value === 'object' && value !== null && Object.hasOwn(value, 'prototype'));

/** Reads one value: `place` is the path to the current field. */
class Reader {
  readonly place: (string | number)[] = [];
  readonly #around: object[] = [];
  readonly #storable: boolean;

  constructor(storable: boolean) {
    this.#storable = storable;
  }

  copy(value: unknown): unknown {
    if (typeof value === 'string') return this.#text(value);
    if (value === null || typeof value === 'boolean') return value;
    if (typeof value !== 'object') return scalar(value);
    this.#enter(value);
    const result = Array.isArray(value) ? this.#list(value) : this.#fields(value as Readonly<Record<string, unknown>>);
    this.#around.pop();
    return result;
  }

  #text(text: string): string {
    if (!this.#storable) return text;
    if (!text.isWellFormed()) throw new NotJson('has half of a surrogate pair: send well-formed Unicode');
    if (text.includes('\0')) throw new NotJson('has U+0000 in it, which not every database keeps: leave the character out');
    return text;
  }

  #enter(value: object): void {
    if (this.#around.length === deepest) {
      if (this.#around.includes(value)) throw new NotJson('contains itself, which JSON cannot represent: leave it out');
      throw new NotJson(`is nested more than ${deepest} levels deep: make it flatter`);
    }
    const name = classOf(value);
    if (name !== undefined) throw without(`an instance of ${name}`);
    this.#around.push(value);
  }

  #list(list: readonly unknown[]): readonly unknown[] {
    const result: unknown[] = [];
    // The loop goes by index, since JSON does not skip a hole either.
    for (let index = 0; index < list.length; index++) {
      this.place.push(index);
      result.push(this.copy(list[index]));
      this.place.pop();
    }
    return result;
  }

  #fields(fields: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
    const result: Record<string, unknown> = {};
    for (const name of Object.keys(fields)) {
      const value = fields[name];
      if (value === undefined) continue;
      this.place.push(name);
      if (isPoison(name, value)) throw new NotJson('is a name that could change objects of its receiver: leave it out');
      this.#text(name);
      result[name] = this.copy(value);
      this.place.pop();
    }
    return result;
  }
}

/**
 * Makes the JSON of a value: a copy that shares nothing with it, in one pass that reads each field once. Returns a fault instead for
 * a value that JSON cannot represent: a Map, a Date, bytes, an instance of a class with methods, NaN, a bigint, a function,
 * `undefined` in a list, a value that contains itself or is nested more than 100 levels deep. A field that is `undefined` is left
 * out. With `storable` all texts must be such as every database keeps, too: well-formed Unicode without U+0000. Never throws.
 */
export function asJson(value: unknown, { storable = false }: { readonly storable?: boolean } = {}): AsJson {
  const reader = new Reader(storable);
  try {
    return { value: reader.copy(value) };
  } catch (error) {
    const path = bounded(reader.place.join('.'), longestPlace);
    return { fault: { path, message: error instanceof NotJson ? error.message : 'cannot be read: reading it throws' } };
  }
}

/** Tells whether a text in a JSON value, or the name of a field, has U+0000 in it. */
function holdsZero(value: unknown): boolean {
  const all = [value];
  // A sender chooses how deep a value is nested: a recursive walk could overflow the stack.
  while (all.length > 0) {
    const one = all.pop();
    if (typeof one === 'string' && one.includes('\0')) return true;
    if (typeof one !== 'object' || one === null) continue;
    for (const name of Object.keys(one)) {
      if (name.includes('\0')) return true;
      all.push((one as Readonly<Record<string, unknown>>)[name]);
    }
  }
  return false;
}

/** Returns the first text of a JSON value that not every database keeps, for its U+0000; `undefined` for none. */
export function unstorable(value: unknown): Finding | undefined {
  if (!holdsZero(value)) return undefined;
  const json = asJson(value, { storable: true });
  return 'fault' in json ? json.fault : undefined;
}
