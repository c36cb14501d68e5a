import type { Operation } from './contract.ts';
import { type Http, httpParts } from './http.ts';
import { reading } from './reading.ts';
import { jsonSchema } from './schema.ts';

/** Where the fields of an input travel, under one method and path. */
export interface Plan {
  readonly method: string;
  readonly bodiless: boolean;
  readonly params: readonly string[];
  /** Literal parts and parameters of the path, in turn. */
  readonly pieces: readonly string[];
  readonly fields: ReadonlyMap<string, Field>;
  /** Fields that are arrays and must be there. */
  readonly lists: readonly string[];
}

/** What is known of a field where it is a text. */
export interface Field {
  readonly types: readonly string[];
  /** Of its elements, if it may be an array. */
  readonly elements: readonly string[] | undefined;
}

const plans = new WeakMap<Operation, Map<Http, Plan>>();

/** Made once for each operation and address. */
export function planOf(operation: Operation, http: Http): Plan {
  const known = plans.get(operation)?.get(http);
  if (known) return known;
  const { method, path, params, bodiless } = httpParts(http);
  const schema = jsonSchema(operation.input, 'input');
  const { fieldsOf, typesOf, entriesOf } = reading(schema);
  const { properties, required } = fieldsOf(schema);
  const fields = new Map<string, Field>();
  for (const [name, node] of properties) {
    const types = typesOf(node);
    fields.set(name, { types, elements: types.includes('array') ? entriesOf(node) : undefined });
  }
  const lists = [...required].filter((name) => fields.get(name)?.elements);
  const plan = { method, bodiless, params, pieces: path.split(/\{([^}]+)\}/g), fields, lists };
  plans.set(operation, (plans.get(operation) ?? new Map<Http, Plan>()).set(http, plan));
  return plan;
}

/** A text as what its field wants; what it cannot become is left for validation, which names the field. */
export function coerce(text: string, types: readonly string[] = ['string']): unknown {
  if (types.includes('string')) return text;
  if ((types.includes('number') || types.includes('integer')) && /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/.test(text)) {
    const number = Number(text);
    if (Number.isFinite(number)) return number;
  }
  if (types.includes('boolean') && (text === 'true' || text === 'false')) return text === 'true';
  return text;
}

/** A value of JSON as a text. Only scalars come out of it again. */
export const textOf = (value: unknown): string => (typeof value === 'object' ? JSON.stringify(value) : String(value));

/** A value as texts, as many as it takes in a query string. A list without elements must not be lost: it is one empty text. */
export function textsOf(value: unknown): readonly string[] {
  if (!Array.isArray(value)) return [textOf(value)];
  return value.length === 0 ? [''] : value.map(textOf);
}

/** What its texts in a query string say of a field. */
export function fieldIn(texts: readonly string[], { types, elements }: Partial<Field> = {}): unknown {
  if (elements) return texts.length === 1 && texts[0] === '' ? [] : texts.map((text) => coerce(text, elements));
  return texts.length === 1 ? coerce(texts[0] as string, types) : texts;
}

/** Whether a field of the path comes out of it as it went in. */
export const isInPath = (value: unknown, field: Field | undefined): boolean => Object.is(coerce(textOf(value), field?.types), value);

/** Whether a field of a query string comes out of it as it went in. */
export function isInQuery(value: unknown, field: Field | undefined): boolean {
  const read = fieldIn(textsOf(value), field);
  if (!Array.isArray(value) || !Array.isArray(read)) return Object.is(read, value);
  return read.length === value.length && read.every((one, index) => Object.is(one, value[index]));
}
