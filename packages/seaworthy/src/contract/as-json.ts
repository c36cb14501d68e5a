import type { Finding } from './schema.ts';

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
  readonly #unicode: boolean;

  constructor(unicode: boolean) {
    this.#unicode = unicode;
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
    if (this.#unicode && !text.isWellFormed()) throw new NotJson('has half of a surrogate pair: send well-formed Unicode');
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
 * out. With `unicode` all texts must be well-formed, too. Never throws.
 */
export function asJson(value: unknown, { unicode = false }: { readonly unicode?: boolean } = {}): AsJson {
  const reader = new Reader(unicode);
  try {
    return { value: reader.copy(value) };
  } catch (error) {
    const path = reader.place.join('.').slice(0, longestPlace).toWellFormed();
    return { fault: { path, message: error instanceof NotJson ? error.message : 'cannot be read: reading it throws' } };
  }
}
