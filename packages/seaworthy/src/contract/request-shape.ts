import type { Operation } from './contract.ts';
import { type Http, httpParts } from './http.ts';
import { jsonSchema } from './schema.ts';
import { schemaReader } from './schema-reader.ts';

/** Where the fields of an input travel, under one method and path. */
export interface RequestShape {
  readonly method: string;
  readonly bodiless: boolean;
  readonly params: readonly string[];
  /** Literal parts and parameters of the path, in turn. */
  readonly pieces: readonly string[];
  readonly fields: ReadonlyMap<string, Field>;
  /** The required fields that are arrays. */
  readonly lists: readonly string[];
}

/** The types of a field, by which its text is read. */
export interface Field {
  readonly types: readonly string[];
  /** The types of its elements, if the field may be an array. */
  readonly elements: readonly string[] | undefined;
}

const shapes = new WeakMap<Operation, Map<Http, RequestShape>>();

/** Returns the request shape of an operation that is reached by `http`. It is made once for each address. */
export function requestShapeOf(operation: Operation, http: Http): RequestShape {
  const known = shapes.get(operation)?.get(http);
  if (known) return known;
  const { method, path, params, bodiless } = httpParts(http);
  const schema = jsonSchema(operation.input, 'input');
  const { fieldsOf, typesOf, entriesOf } = schemaReader(schema);
  const { properties, required } = fieldsOf(schema);
  const fields = new Map<string, Field>();
  for (const [name, node] of properties) {
    const types = typesOf(node);
    fields.set(name, { types, elements: types.includes('array') ? entriesOf(node) : undefined });
  }
  const lists = [...required].filter((name) => fields.get(name)?.elements);
  const shape = { method, bodiless, params, pieces: path.split(/\{([^}]+)\}/g), fields, lists };
  shapes.set(operation, (shapes.get(operation) ?? new Map<Http, RequestShape>()).set(http, shape));
  return shape;
}

/** Reads a text as one of the types of its field. A text that is not of these types is left for validation, which names the field. */
export function coerce(text: string, types: readonly string[] = ['string']): unknown {
  if (types.includes('string')) return text;
  if ((types.includes('number') || types.includes('integer')) && /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/.test(text)) {
    const number = Number(text);
    if (Number.isFinite(number)) return number;
  }
  if (types.includes('boolean') && (text === 'true' || text === 'false')) return text === 'true';
  return text;
}

/** Writes a value of JSON as a text. Only scalars can be read from it again. */
export const textOf = (value: unknown): string => (typeof value === 'object' ? JSON.stringify(value) : String(value));

/** Writes a value as the texts of a query string. A list without elements is one empty text, so that it is not lost. */
export function textsOf(value: unknown): readonly string[] {
  if (!Array.isArray(value)) return [textOf(value)];
  return value.length === 0 ? [''] : value.map(textOf);
}

/** Reads a field from its texts in a query string. */
export function fieldIn(texts: readonly string[], { types, elements }: Partial<Field> = {}): unknown {
  if (elements) return texts.length === 1 && texts[0] === '' ? [] : texts.map((text) => coerce(text, elements));
  return texts.length === 1 ? coerce(texts[0] as string, types) : texts;
}

/** Tells whether the path carries a value unchanged. */
export const isInPath = (value: unknown, field: Field | undefined): boolean => Object.is(coerce(textOf(value), field?.types), value);

/** Tells whether a query string carries a value unchanged. */
export function isInQuery(value: unknown, field: Field | undefined): boolean {
  const read = fieldIn(textsOf(value), field);
  if (!Array.isArray(value) || !Array.isArray(read)) return Object.is(read, value);
  return read.length === value.length && read.every((one, index) => Object.is(one, value[index]));
}
