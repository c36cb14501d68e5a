import type { Http, Operation } from './contract.ts';
import { type JsonSchema, jsonSchema } from './schema.ts';
import { httpParts } from './verify.ts';

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
}

const plans = new WeakMap<Operation, Map<Http, Plan>>();

function planOf(operation: Operation, http: Http): Plan {
  const known = plans.get(operation)?.get(http);
  if (known) return known;
  const { method, path, params, bodiless } = httpParts(http);
  const types = new Map(Object.entries(jsonSchema(operation.input, 'input').properties ?? {}));
  const plan = { method, bodiless, params, pieces: path.split(/\{([^}]+)\}/g), types };
  plans.set(operation, (plans.get(operation) ?? new Map<Http, Plan>()).set(http, plan));
  return plan;
}

const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Puts the input of a call into path, query string and body. */
export function requestOf(operation: Operation, input: unknown): WireRequest {
  const { method, bodiless, params, pieces } = planOf(operation, operation.http);
  const fields: Fields = isFields(input) ? input : {};
  const path = pieces.map((piece, index) => (index % 2 === 0 ? piece : encodeURIComponent(String(fields[piece])))).join('');
  const rest = Object.entries(fields).filter(([name, value]) => !params.includes(name) && value !== undefined);
  if (!bodiless) {
    return {
      method,
      path,
      body: !isFields(input) ? JSON.stringify(input) : rest.length > 0 ? JSON.stringify(Object.fromEntries(rest)) : undefined,
    };
  }
  const query = new URLSearchParams();
  for (const [name, value] of rest) for (const one of [value].flat()) query.append(name, String(one));
  return { method, path: query.size > 0 ? `${path}?${query}` : path, body: undefined };
}

const typesOf = (schema: JsonSchema): readonly string[] =>
  (schema.anyOf ?? schema.oneOf ?? [schema]).flatMap(
    (one) => one.type ?? (one.enum ?? ('const' in one ? [one.const] : [])).map((value) => typeof value),
  );

/** A text as what its field wants; what it cannot become is left for validation, which names the field. */
function coerce(text: string, schema: JsonSchema | undefined): unknown {
  if (!schema) return text;
  const types = typesOf(schema);
  if (types.includes('string')) return text;
  if ((types.includes('number') || types.includes('integer')) && /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/.test(text)) return Number(text);
  if (types.includes('boolean') && (text === 'true' || text === 'false')) return text === 'true';
  return text;
}

/** Puts path, query string and body together as the input of `operation`, reached by `http`. What does not fit is for validation to refuse. */
export function inputOf(operation: Operation, request: RawRequest, http: Http = operation.http): unknown {
  const { bodiless, params, types } = planOf(operation, http);
  const fromPath = params.map((name): [string, unknown] => [name, coerce(request.params[name] as string, types.get(name))]);
  if (!bodiless) {
    if (request.body === undefined) return Object.fromEntries(fromPath);
    return isFields(request.body) ? Object.fromEntries([...Object.entries(request.body), ...fromPath]) : request.body;
  }
  const query = new URLSearchParams(request.query);
  const fromQuery = [...new Set(query.keys())].map((name): [string, unknown] => {
    const schema = types.get(name);
    const values = query.getAll(name);
    if (schema && typesOf(schema).includes('array')) return [name, values.map((value) => coerce(value, schema.items))];
    return [name, values.length === 1 ? coerce(values[0] as string, schema) : values];
  });
  return Object.fromEntries([...fromQuery, ...fromPath]);
}
