import type { At, Operation } from './contract.ts';
import { type Http, httpParts } from './http.ts';
import { InputInvalid, writeInput } from './input.ts';
import { isObject } from './json.ts';
import { reading } from './reading.ts';
import { jsonSchema } from './schema.ts';

/** A call on the wire, before its headers. */
export interface WireRequest {
  readonly method: string;
  /** With the query string. */
  readonly path: string;
  /** Serialised JSON; `undefined` for none. */
  readonly body: string | undefined;
}

/** What an HTTP server has of a request. */
export interface RawRequest {
  readonly params: Readonly<Record<string, string>>;
  /** Without the question mark. */
  readonly query: string;
  readonly body: unknown;
}

type Fields = Readonly<Record<string, unknown>>;

interface Plan {
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
interface Field {
  readonly types: readonly string[];
  /** Of its elements, if it may be an array. */
  readonly elements: readonly string[] | undefined;
}

const plans = new WeakMap<Operation, Map<Http, Plan>>();

function planOf(operation: Operation, http: Http): Plan {
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

/** RFC 3986, 5.2.4: whoever is in between may remove dot segments, encoded or not, and then it is another path. */
const isSegment = (text: string): boolean => text !== '' && text !== '.' && text !== '..' && text.isWellFormed();

/** Throws `InputInvalid` when a parameter of the path is what no path can carry. What is missing is the schema's to refuse. */
export function checkPath(operation: Operation & At, input: unknown): void {
  const { params } = planOf(operation, operation.http);
  if (params.length === 0 || !isObject(input)) return;
  const wrong = params.filter((name) => typeof input[name] === 'string' && !isSegment(input[name]));
  if (wrong.length === 0) return;
  const message = "is in the path, and cannot be empty, '.', '..' or malformed Unicode";
  throw new InputInvalid(
    operation,
    wrong.map((path) => ({ path, message })),
  );
}

/** Puts the input of a call into path, query string and body. Throws `InputInvalid` when it cannot travel. */
export function requestOf(operation: Operation & At, input: unknown): WireRequest {
  const { method, bodiless, params, pieces } = planOf(operation, operation.http);
  checkPath(operation, input);
  const fields: Fields = isObject(input) ? input : {};
  const path = pieces.map((piece, index) => (index % 2 === 0 ? piece : encodeURIComponent(String(fields[piece])))).join('');
  const rest = Object.entries(fields).filter(([name, value]) => !params.includes(name) && value !== undefined);
  if (!bodiless) {
    return {
      method,
      path,
      body: !isObject(input) ? writeInput(operation, input) : rest.length > 0 ? writeInput(operation, Object.fromEntries(rest)) : undefined,
    };
  }
  if (rest.length === 0) return { method, path, body: undefined };
  const query = new URLSearchParams();
  for (const [name, value] of rest) for (const one of [value].flat()) query.append(name, String(one));
  return { method, path: query.size > 0 ? `${path}?${query}` : path, body: undefined };
}

/** A text as what its field wants; what it cannot become is left for validation, which names the field. */
function coerce(text: string, types: readonly string[] = ['string']): unknown {
  if (types.includes('string')) return text;
  if ((types.includes('number') || types.includes('integer')) && /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/.test(text)) return Number(text);
  if (types.includes('boolean') && (text === 'true' || text === 'false')) return text === 'true';
  return text;
}

/** `URLSearchParams` takes what it cannot decode for something else, in silence. */
function checkQuery(operation: At, query: string): void {
  if (!query.includes('%')) return;
  try {
    decodeURIComponent(query);
  } catch (cause) {
    throw new InputInvalid(operation, [{ path: '', message: 'the query string is not percent-encoded UTF-8' }], { cause });
  }
}

/** Throws `InputInvalid` when the query string cannot be decoded. */
function queryFields(operation: At, query: string, fields: Plan['fields']): Fields | undefined {
  if (query === '') return undefined;
  checkQuery(operation, query);
  const given = new URLSearchParams(query);
  const values = [...new Set(given.keys())].map((name) => {
    const { types, elements } = fields.get(name) ?? {};
    const all = given.getAll(name);
    if (elements) return [name, all.map((value) => coerce(value, elements))] as const;
    return [name, all.length === 1 ? coerce(all[0] as string, types) : all] as const;
  });
  return Object.fromEntries(values);
}

/**
 * Puts path, query string and body together as the input of `operation`, reached by `http`. What does not fit is for validation
 * to refuse. Throws `InputInvalid` when the query string cannot be decoded.
 */
export function inputOf(operation: Operation & At, request: RawRequest, http: Http = operation.http): unknown {
  const { bodiless, params, fields, lists } = planOf(operation, http);
  const sent = bodiless ? queryFields(operation, request.query, fields) : request.body;
  if (sent !== undefined && !isObject(sent)) return sent;
  const input: Record<string, unknown> = { ...sent };
  // A list without elements leaves no trace in a query string; where one must be, it is that.
  if (bodiless) for (const name of lists) input[name] ??= [];
  for (const name of params) input[name] = coerce(request.params[name] as string, fields.get(name)?.types);
  return input;
}
