import type { At, Operation } from './contract.ts';
import { type Http, httpParts } from './http.ts';
import { InputInvalid, writeInput } from './input.ts';
import { isObject } from './json.ts';
import { type JsonSchema, jsonSchema, typesOf } from './schema.ts';

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
  readonly types: ReadonlyMap<string, JsonSchema>;
  readonly required: readonly string[];
  /** Fields that may be arrays. */
  readonly lists: readonly string[];
}

const plans = new WeakMap<Operation, Map<Http, Plan>>();

function planOf(operation: Operation, http: Http): Plan {
  const known = plans.get(operation)?.get(http);
  if (known) return known;
  const { method, path, params, bodiless } = httpParts(http);
  const { properties = {}, required = [] } = jsonSchema(operation.input, 'input');
  const types = new Map(Object.entries(properties));
  const lists = [...types.keys()].filter((name) => typesOf(types.get(name) as JsonSchema).includes('array'));
  const plan = { method, bodiless, params, pieces: path.split(/\{([^}]+)\}/g), types, required, lists };
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
function coerce(text: string, schema: JsonSchema | undefined): unknown {
  if (!schema) return text;
  const types = typesOf(schema);
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
function queryFields(
  operation: At,
  query: string,
  { types, lists }: Pick<Plan, 'types' | 'lists'>,
): readonly (readonly [string, unknown])[] {
  if (query === '') return [];
  checkQuery(operation, query);
  const fields = new URLSearchParams(query);
  return [...new Set(fields.keys())].map((name) => {
    const schema = types.get(name);
    const values = fields.getAll(name);
    if (lists.includes(name)) return [name, values.map((value) => coerce(value, schema?.items))];
    return [name, values.length === 1 ? coerce(values[0] as string, schema) : values];
  });
}

/**
 * Puts path, query string and body together as the input of `operation`, reached by `http`. What does not fit is for validation
 * to refuse. Throws `InputInvalid` when the query string cannot be decoded.
 */
export function inputOf(operation: Operation & At, request: RawRequest, http: Http = operation.http): unknown {
  const { bodiless, params, types, required, lists } = planOf(operation, http);
  const fromPath = params.map((name): [string, unknown] => [name, coerce(request.params[name] as string, types.get(name))]);
  if (!bodiless) {
    if (request.body === undefined) return Object.fromEntries(fromPath);
    return isObject(request.body) ? Object.fromEntries([...Object.entries(request.body), ...fromPath]) : request.body;
  }
  // A list without elements leaves no trace in a query string; where one must be, it is that.
  const emptyLists = lists.filter((name) => required.includes(name)).map((name) => [name, []] as const);
  return Object.fromEntries([...emptyLists, ...queryFields(operation, request.query, { types, lists }), ...fromPath]);
}
