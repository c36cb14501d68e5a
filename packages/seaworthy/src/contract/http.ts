export const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;

export type Method = (typeof methods)[number];
/** A method and a path, `'GET /orders/{orderId}'`: a name in braces is a parameter. */
export type Http = `${Method} /${string}`;
export type ParamNames<P extends string> = P extends `${string}{${infer N}}${infer Rest}` ? N | ParamNames<Rest> : never;
export type Params<P extends string> = { readonly [K in ParamNames<P>]: string };

const bodiless: ReadonlySet<string> = new Set<Method>(['GET', 'DELETE']);

/** Whether it is one, whatever its type says. */
export const isHttp = (text: string): text is Http =>
  new RegExp(`^(${methods.join('|')}) /(?:[\\w.~-]+|\\{\\w+\\})?(?:/(?:[\\w.~-]+|\\{\\w+\\}))*$`).test(text);

/** Why nobody may have `http` as a route, whose form is right; `undefined` if it may be had. */
export function refusedPath(http: Http): string | undefined {
  const segments = http.slice(http.indexOf(' ') + 2).split('/');
  const says = `is ${JSON.stringify(http)}:`;
  if (segments[0] === 'health' || (segments[0] === 'metrics' && segments.length === 1))
    return `${says} /metrics, /health and what is below it are the toolkit's own on every port, choose another path`;
  if (segments.includes('.') || segments.includes('..')) return `${says} clients take . and .. out of a path, leave them out`;
  const params = paramsOf(http);
  const twice = params.find((name, index) => params.indexOf(name) !== index);
  return twice === undefined ? undefined : `${says} it names {${twice}} twice, name each parameter once`;
}

const documents = ['/openapi.json', '/asyncapi.json', '/docs', '/docs/start.js', '/docs/swagger-ui.css', '/docs/swagger-ui-bundle.js'];
const toolkits: ReadonlySet<string> = new Set(['/metrics', '/health', ...documents]);

/** Whether a server of the toolkit answers a GET of `path` itself, unless a contract has just this path. */
export const isToolkits = (path: string): boolean => toolkits.has(path) || path.startsWith('/health/');

/** The parameters of a path, in turn. */
export const paramsOf = (path: string): readonly string[] => [...path.matchAll(/\{([^}]+)\}/g)].map((match) => match[1] as string);

/** The parts of `'GET /orders/{orderId}'`. */
export function httpParts(http: Http): {
  readonly method: string;
  readonly path: string;
  readonly params: readonly string[];
  /** What is not in the path travels in the query string. */
  readonly bodiless: boolean;
} {
  const space = http.indexOf(' ');
  const method = http.slice(0, space);
  const path = http.slice(space + 1);
  return { method, path, params: paramsOf(path), bodiless: bodiless.has(method) };
}

/** Two with one shape match the same requests, whatever their parameters are called. */
export const shapeOf = (http: string): string => http.replaceAll(/\{[^}]+\}/g, '{}');

/** As long as the segment of a path may be, in characters before they are percent-encoded. Servers have such a limit. */
const longestSegment = 2048;

/**
 * Whether a text can be a segment of a path. RFC 3986, 5.2.4: whoever is in between may remove dot segments, encoded or not, and
 * then it is another path.
 */
export const isSegment = (text: string): boolean =>
  text !== '' && text !== '.' && text !== '..' && text.length <= longestSegment && text.isWellFormed();

/** A path with its parameters filled in; `undefined` when one of them cannot be a segment. */
export function filled(path: string, fields: Readonly<Record<string, unknown>>): string | undefined {
  if (!paramsOf(path).every((name) => isSegment(String(fields[name] ?? '')))) return undefined;
  return path.replaceAll(/\{([^}]+)\}/g, (_, name: string) => encodeURIComponent(String(fields[name])));
}
