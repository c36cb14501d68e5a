export const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;

export type Method = (typeof methods)[number];
/** A method and a path, such as `'GET /orders/{orderId}'`; a name in braces is a parameter. */
export type Http = `${Method} /${string}`;
export type ParamNames<P extends string> = P extends `${string}{${infer N}}${infer Rest}` ? N | ParamNames<Rest> : never;
export type Params<P extends string> = { readonly [K in ParamNames<P>]: string };

const bodiless: ReadonlySet<string> = new Set<Method>(['GET', 'DELETE']);

/** Tells whether a text is a method and a path at run time, too. */
export const isHttp = (text: string): text is Http =>
  new RegExp(`^(${methods.join('|')}) /(?:[\\w.~-]+|\\{\\w+\\})?(?:/(?:[\\w.~-]+|\\{\\w+\\}))*$`).test(text);

/** Returns the reason why a well-formed `http` must not be a route; `undefined` if it may be one. */
export function refusedPath(http: Http): string | undefined {
  const segments = http.slice(http.indexOf(' ') + 2).split('/');
  const says = `is ${JSON.stringify(http)}:`;
  if (segments[0] === 'health' || (segments[0] === 'metrics' && segments.length === 1))
    return `${says} /metrics, /health and the paths below it belong to the toolkit on every port, choose another path`;
  if (segments.includes('.') || segments.includes('..')) return `${says} clients take . and .. out of a path, leave them out`;
  const params = paramsOf(http);
  const twice = params.find((name, index) => params.indexOf(name) !== index);
  return twice === undefined ? undefined : `${says} it names {${twice}} twice, name each parameter once`;
}

const documents = ['/openapi.json', '/asyncapi.json', '/docs', '/docs/start.js', '/docs/swagger-ui.css', '/docs/swagger-ui-bundle.js'];
const toolkits: ReadonlySet<string> = new Set(['/metrics', '/health', ...documents]);

/** Tells whether a server of the toolkit answers a GET of `path` itself, unless a contract has exactly this path. */
export const isToolkits = (path: string): boolean => toolkits.has(path) || path.startsWith('/health/');

/** Lists the parameters of a path in their order. */
export const paramsOf = (path: string): readonly string[] => [...path.matchAll(/\{([^}]+)\}/g)].map((match) => match[1] as string);

/** Splits `'GET /orders/{orderId}'` into its parts. */
export function httpParts(http: Http): {
  readonly method: string;
  readonly path: string;
  readonly params: readonly string[];
  /** Fields that are not in the path travel in the query string. */
  readonly bodiless: boolean;
} {
  const space = http.indexOf(' ');
  const method = http.slice(0, space);
  const path = http.slice(space + 1);
  return { method, path, params: paramsOf(path), bodiless: bodiless.has(method) };
}

/** Replaces the names of the parameters, so that routes that match the same requests are equal. */
export const shapeOf = (http: string): string => http.replaceAll(/\{[^}]+\}/g, '{}');

/** The longest segment of a path, in characters before percent-encoding. Servers have such a limit. */
const longestSegment = 2048;

/**
 * Tells whether a text can be a segment of a path. Dot segments cannot: an intermediary may remove them, encoded or not, and the
 * result is another path (RFC 3986, 5.2.4).
 */
export const isSegment = (text: string): boolean =>
  text !== '' && text !== '.' && text !== '..' && text.length <= longestSegment && text.isWellFormed();

/** Fills in the parameters of a path; `undefined` when one of them cannot be a segment. */
export function filled(path: string, fields: Readonly<Record<string, unknown>>): string | undefined {
  if (!paramsOf(path).every((name) => isSegment(String(fields[name] ?? '')))) return undefined;
  return path.replaceAll(/\{([^}]+)\}/g, (_, name: string) => encodeURIComponent(String(fields[name])));
}
