import type { Bound, Operation } from './contract.ts';
import { type Http, httpParts, isSegment, isToolkits } from './http.ts';
import { InputInvalid, inputJson } from './input.ts';
import { isObject } from './json.ts';
import { coerce, type Field, fieldIn, isInPath, isInQuery, type RequestShape, requestShapeOf, textOf, textsOf } from './request-shape.ts';
import type { Finding } from './schema.ts';
import { takenBy } from './siblings.ts';

/** An HTTP request without its headers. */
export interface WireRequest {
  readonly method: string;
  /** With the query string. */
  readonly path: string;
  /** Serialised JSON; `undefined` for none. */
  readonly body: string | undefined;
}

/** An HTTP request as a server receives it. */
export interface RawRequest {
  readonly params: Readonly<Record<string, string>>;
  /** Without the question mark. */
  readonly query: string;
  readonly body: unknown;
}

type Fields = Readonly<Record<string, unknown>>;

const shown = ({ types, elements }: Field): string =>
  elements ? `a list of ${elements.join(' or ')} (and not of one empty text alone)` : types.join(' or ');

function pathFindings({ params, fields }: RequestShape, input: Fields): readonly Finding[] {
  return params.flatMap((name) => {
    const value = input[name];
    const field = fields.get(name);
    const finding = (message: string): readonly Finding[] => [{ path: name, message: `is in the path, ${message}` }];
    if (value === undefined) return finding('and is missing');
    if (!isInPath(value, field)) return finding(`and must be of the type ${field ? shown(field) : 'string'}`);
    return isSegment(textOf(value)) ? [] : finding("and cannot be empty, '.', '..', longer than 2048 characters or malformed Unicode");
  });
}

function queryFindings({ fields, lists }: RequestShape, input: Fields, rest: readonly string[]): readonly Finding[] {
  const missing = lists.filter((name) => input[name] === undefined);
  const wrong = rest.filter((name) => fields.has(name) && !isInQuery(input[name], fields.get(name)));
  return [
    ...missing.map((path) => ({ path, message: 'is a required list, and is missing' })),
    ...wrong.map((path) => ({ path, message: `is in the query string, and must be ${shown(fields.get(path) as Field)}` })),
  ];
}

/** Checks that a path can carry its parameters. Throws `InputInvalid`, also when one is missing. */
export function checkPath(operation: Operation & Bound, input: unknown): void {
  const shape = requestShapeOf(operation, operation.http);
  if (shape.params.length === 0 || !isObject(input)) return;
  const wrong = pathFindings(shape, input);
  if (wrong.length > 0) throw new InputInvalid(operation, wrong);
}

/** The longest address: servers and proxies refuse much longer ones. */
const longestAddress = 8000;

/** An input as a transport sends it. */
export interface Sendable {
  /** Its JSON. */
  readonly json: Fields;
  /** With the query string. */
  readonly path: string;
  /** Serialises the body; `undefined` for none. */
  readonly body: () => string | undefined;
}

/**
 * Makes the JSON of an input, and its path and query string. Transports without a wire use it too, so that all refuse the same
 * inputs. Throws `InputInvalid` for a value that could not travel, or would arrive changed.
 */
export function sendable(operation: Operation & Bound, input: unknown): Sendable {
  const shape = requestShapeOf(operation, operation.http);
  const { method, bodiless, params, pieces } = shape;
  const json = inputJson(operation, input);
  const rest = Object.keys(json).filter((name) => !params.includes(name));
  const wrong = [...pathFindings(shape, json), ...(bodiless ? queryFindings(shape, json, rest) : [])];
  if (wrong.length > 0) throw new InputInvalid(operation, wrong);
  const target = pieces.map((piece, index) => (index % 2 === 0 ? piece : encodeURIComponent(textOf(json[piece])))).join('');
  const other = takenBy(operation, target);
  if (other !== undefined) {
    const message = `makes the address ${method} ${target.slice(0, 200)}, which is that of ${other}: choose another value`;
    throw new InputInvalid(operation, [{ path: params[0] as string, message }]);
  }
  if (params.length > 0 && method === 'GET' && isToolkits(target)) {
    const message = `makes the address GET ${target.slice(0, 200)}, which belongs to the toolkit on every port: choose another value, or another path for the operation`;
    throw new InputInvalid(operation, [{ path: params[0] as string, message }]);
  }
  const query = new URLSearchParams();
  // The service refuses or ignores a field that the schema does not name.
  if (bodiless) for (const name of rest) for (const text of textsOf(json[name])) query.append(name, text);
  const path = query.size > 0 ? `${target}?${query}` : target;
  if (path.length > longestAddress) {
    const message = `makes an address of ${path.length} characters, and ${longestAddress} is the most: send less in path and query string`;
    throw new InputInvalid(operation, [{ path: '', message }]);
  }
  const body = (): string | undefined =>
    bodiless || rest.length === 0 ? undefined : JSON.stringify(Object.fromEntries(rest.map((name) => [name, json[name]])));
  return { json, path, body };
}

/** Puts the input of a call into path, query string and body. Throws `InputInvalid` when it cannot travel. */
export function requestOf(operation: Operation & Bound, input: unknown): WireRequest {
  const { path, body } = sendable(operation, input);
  return { method: httpParts(operation.http).method, path, body: body() };
}

/** `URLSearchParams` silently misreads what it cannot decode. */
function checkQuery(operation: Bound, query: string): void {
  if (!query.includes('%')) return;
  try {
    decodeURIComponent(query);
  } catch (cause) {
    throw new InputInvalid(operation, [{ path: '', message: 'the query string is not percent-encoded UTF-8' }], { cause });
  }
}

/** Reads the fields of a query string. Throws `InputInvalid` when it cannot be decoded. */
function queryFields(operation: Bound, query: string, fields: RequestShape['fields']): Fields | undefined {
  if (query === '') return undefined;
  checkQuery(operation, query);
  const given = new Map<string, string[]>();
  // One pass: looking up each name would go through all of them each time.
  for (const [name, value] of new URLSearchParams(query)) {
    const all = given.get(name);
    if (all) all.push(value);
    else given.set(name, [value]);
  }
  return Object.fromEntries([...given].map(([name, all]) => [name, fieldIn(all, fields.get(name))]));
}

/**
 * Makes the input of `operation` from the path, query string and body of a request that reached it by `http`. Validation refuses
 * what does not fit. Throws `InputInvalid` when the query string cannot be decoded.
 */
export function inputOf(operation: Operation & Bound, request: RawRequest, http: Http = operation.http): unknown {
  const { bodiless, params, fields, lists } = requestShapeOf(operation, http);
  const sent = bodiless ? queryFields(operation, request.query, fields) : request.body;
  if (sent !== undefined && !isObject(sent)) return sent;
  const input: Record<string, unknown> = { ...sent };
  // Many clients leave out a list without elements: a list that is required and missing is empty.
  if (bodiless) for (const name of lists) input[name] ??= [];
  for (const name of params) input[name] = coerce(request.params[name] as string, fields.get(name)?.types);
  return input;
}
