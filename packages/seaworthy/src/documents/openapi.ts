import type { At, Named, Operation } from '../contract/contract.ts';
import { type Http, httpParts, shapeOf } from '../contract/http.ts';
import { operationsOf } from '../contract/member.ts';
import { type Components, components, type Doc, pascal } from './components.ts';
import { deadline, parameters, renamed, requestDoc } from './openapi-request.ts';
import { declaredDocs, headers, outputDoc, problemSchema, refusals, responses, successDoc } from './openapi-response.ts';

/** What a document says of itself. */
export interface DocumentOptions {
  /** Default the contract's name, or `gateway`; for events the names of all contracts. */
  readonly title?: string;
  /** Of what is described, in the owner's own counting. Default `1.0.0`. */
  readonly version?: string;
  readonly description?: string;
}

/** Where it is served. */
export interface OpenApiOptions extends DocumentOptions {
  /** Base URLs. Default none: where the document is served. */
  readonly servers?: readonly string[];
}

/** What a route of a gateway does, as a document says it: one operation, or an answer put together from several. */
export type Shown =
  | { readonly kind: 'operation'; readonly operation: Operation & At }
  | {
      readonly kind: 'aggregate';
      readonly parts: Readonly<Record<string, { readonly operation: Operation & At; readonly required: boolean }>>;
      /** Whose declared 404 is the answer to the whole. */
      readonly decisive: readonly (Operation & At)[];
      /** A function makes the body of the parts, so that nothing can be said of it. */
      readonly shaped: boolean;
    };

/** What has routes, such as a gateway; one that shows nothing is left out. */
export interface Routed {
  readonly routes: readonly { readonly http: Http; readonly shows?: Shown | undefined }[];
}

export interface OpenApi {
  readonly openapi: '3.1.0';
  readonly info: Doc;
  readonly servers?: readonly Doc[];
  readonly paths: Doc;
  readonly components: Doc;
}

export const infoOf = (title: string, { title: own = title, version = '1.0.0', description }: DocumentOptions): Doc => ({
  title: own,
  version,
  ...(description !== undefined && { description }),
});

type Ways = readonly { readonly http: Http; readonly id: string; readonly shown: Shown; readonly behind: boolean }[];

const serviceWays = (contract: Named): Ways =>
  operationsOf(contract).map((operation) => ({
    http: operation.http,
    id: operation.name,
    shown: { kind: 'operation', operation },
    behind: false,
  }));

const idOf = (http: Http): string => {
  const { method, path } = httpParts(http);
  return `${method.toLowerCase()}${pascal(path)}`;
};

const gatewayWays = ({ routes }: Routed): Ways =>
  routes.flatMap(({ http, shows }) => (shows ? [{ http, id: idOf(http), shown: shows, behind: true }] : []));

function operationDoc(
  { operation }: Extract<Shown, { kind: 'operation' }>,
  http: Http,
  template: string,
  behind: boolean,
  schemas: Components,
): Doc {
  const keyed = operation.kind === 'command' ? (['conflict', 'mismatch'] as const) : [];
  const inBetween = behind ? (['exhausted', 'upstream'] as const) : (['internal'] as const);
  return {
    summary: `${operation.service}.${operation.name}`,
    tags: [operation.service],
    ...requestDoc(operation, http, template, schemas),
    responses: {
      ...successDoc(operation, schemas),
      ...refusals(declaredDocs(operation, schemas), ['invalid', ...keyed, ...inBetween, 'unavailable', 'deadline']),
    },
  };
}

/** The answer of an aggregate: parts that may be missing are optional, and `meta.parts` says how each fared. */
function answerDoc(parts: Extract<Shown, { kind: 'aggregate' }>['parts'], schemas: Components): Doc {
  const all = Object.entries(parts);
  const given = all.flatMap(([name, { operation, required }]) =>
    operation.output ? [{ name, required, schema: outputDoc(operation, operation.output, schemas) }] : [],
  );
  const status = (required: boolean): Doc => (required ? { const: 'ok' } : { enum: ['ok', 'failed', 'timeout', 'absent'] });
  const fared = {
    type: 'object',
    description: 'How each part fared.',
    properties: Object.fromEntries(all.map(([name, { required }]) => [name, status(required)])),
    required: all.map(([name]) => name),
  };
  return {
    type: 'object',
    properties: {
      ...Object.fromEntries(given.map(({ name, schema }) => [name, schema])),
      meta: { type: 'object', properties: { parts: fared }, required: ['parts'] },
    },
    required: [...given.filter(({ required }) => required).map(({ name }) => name), 'meta'],
  };
}

function aggregateDoc(
  { parts, decisive, shaped }: Extract<Shown, { kind: 'aggregate' }>,
  http: Http,
  template: string,
  id: string,
  schemas: Components,
): Doc {
  const { params } = httpParts(http);
  const declared = decisive.flatMap((operation) => declaredDocs(operation, schemas)).filter(({ status }) => status === 404);
  const none = declared.filter(({ schema }, index) => declared.findIndex((other) => other.schema['$ref'] === schema['$ref']) === index);
  const body = shaped ? { description: 'Made of the parts.' } : schemas.add(`${pascal(id)}Answer`, answerDoc(parts, schemas), 'Output');
  return {
    summary: Object.values(parts)
      .map(({ operation: { service, name } }) => `${service}.${name}`)
      .join(' + '),
    tags: Object.values(parts)
      .slice(0, 1)
      .map(({ operation }) => operation.service),
    parameters: [...new Set(renamed(params, template))]
      .map((name): Doc => ({ name, in: 'path', required: true, schema: { type: 'string', minLength: 1 } }))
      .concat(deadline),
    responses: {
      200: {
        description: 'The parts that are there, and how each fared.',
        headers: { 'Cache-Control': { description: 'no-store when a part failed or was late.', schema: { type: 'string' } } },
        content: { 'application/json': { schema: body } },
      },
      ...refusals(none, ['invalid', 'upstream', 'unavailable', 'deadline']),
    },
  };
}

/**
 * The OpenAPI 3.1 document of a contract, or of a gateway from its routes: what they take and answer over HTTP
 * (https://spec.openapis.org/oas/v3.1.0).
 */
export function openapi(of: Named | Routed, options: OpenApiOptions = {}): OpenApi {
  const schemas = components({ Problem: problemSchema });
  const ways = 'routes' in of && Array.isArray(of.routes) ? gatewayWays(of as Routed) : serviceWays(of as Named);
  const templates = new Map<string, string>();
  const paths: Record<string, Record<string, Doc>> = {};
  const ids = new Set<string>();
  for (const { http, id, shown, behind } of ways) {
    const { method, path } = httpParts(http);
    // Two paths that differ in the names of their parameters alone are one to OpenAPI.
    const shape = shapeOf(path);
    const template = templates.get(shape) ?? path;
    templates.set(shape, template);
    let operationId = id;
    for (let next = 2; ids.has(operationId); next++) operationId = `${id}${next}`;
    ids.add(operationId);
    const said =
      shown.kind === 'operation'
        ? operationDoc(shown, http, template, behind, schemas)
        : aggregateDoc(shown, http, template, operationId, schemas);
    paths[template] = { ...paths[template], [method.toLowerCase()]: { operationId, ...said } };
  }
  return {
    openapi: '3.1.0',
    info: infoOf('~contract' in of ? of['~contract'] : 'gateway', options),
    ...(options.servers && { servers: options.servers.map((url) => ({ url })) }),
    paths,
    components: { schemas: schemas.schemas(), parameters, headers, responses },
  };
}
