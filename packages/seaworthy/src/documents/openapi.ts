import type { AnyContract } from '../contract/contract.ts';
import { type Http, httpParts, shapeOf } from '../contract/http.ts';
import { operationsOf } from '../contract/member.ts';
import { checkOptions } from '../core/options.ts';
import { type Components, components } from './components.ts';
import { aboutOf, type Doc, type DocumentOptions, documentNames, infoOf } from './document.ts';
import { pascal } from './names.ts';
import { aggregateDoc } from './openapi-aggregate.ts';
import { requestDoc } from './openapi-request.ts';
import { declaredDocs, refusals, successDoc } from './openapi-response.ts';
import { headers, parameters, problemSchema, responses } from './openapi-shared.ts';
import type { Routed, Shown, ShownOperation } from './shown.ts';

/** The options of an OpenAPI document. */
export interface OpenApiOptions extends DocumentOptions {
  /** The base URLs of the API. Default none, which means the server of the document. */
  readonly servers?: readonly string[];
}

/** An OpenAPI document, to be written as JSON. */
export interface OpenApi {
  readonly openapi: '3.1.0';
  readonly info: Doc;
  readonly servers?: readonly Doc[];
  readonly paths: Doc;
  readonly components: Doc;
}

interface Endpoint {
  readonly http: Http;
  readonly id: string;
  readonly shown: Shown;
  /** Whether a gateway is in between. */
  readonly behind: boolean;
}

const serviceEndpoints = (contract: AnyContract): readonly Endpoint[] =>
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

const gatewayEndpoints = ({ routes }: Routed): readonly Endpoint[] =>
  routes.flatMap(({ http, shows }) => (shows ? [{ http, id: idOf(http), shown: shows, behind: true }] : []));

function operationDoc({ operation }: ShownOperation, http: Http, template: string, behind: boolean, schemas: Components): Doc {
  const keyed = operation.kind === 'command' ? (['conflict', 'mismatch'] as const) : [];
  const inBetween = behind ? (['exhausted', 'upstream'] as const) : (['internal'] as const);
  return {
    summary: `${operation.service}.${operation.name}`,
    ...(operation.description !== undefined && { description: operation.description }),
    tags: [operation.service],
    ...requestDoc(operation, http, template, schemas),
    responses: {
      ...successDoc(operation, schemas),
      ...refusals(declaredDocs(operation, schemas), ['invalid', ...keyed, ...inBetween, 'unavailable', 'deadline']),
    },
  };
}

/**
 * Makes the OpenAPI 3.1 document of a contract or of a gateway: its requests and responses over HTTP
 * (https://spec.openapis.org/oas/v3.1.0).
 */
export function openapi(of: AnyContract | Routed, options: OpenApiOptions = {}): OpenApi {
  checkOptions('openapi', options, { ...documentNames, servers: true });
  const schemas = components({ Problem: problemSchema });
  const endpoints = 'routes' in of && Array.isArray(of.routes) ? gatewayEndpoints(of as Routed) : serviceEndpoints(of as AnyContract);
  const templates = new Map<string, string>();
  const paths: Record<string, Record<string, Doc>> = {};
  const ids = new Set<string>();
  for (const { http, id, shown, behind } of endpoints) {
    const { method, path } = httpParts(http);
    // OpenAPI takes two paths that differ only in the names of their parameters for one.
    const shape = shapeOf(path);
    const template = templates.get(shape) ?? path;
    templates.set(shape, template);
    let operationId = id;
    for (let next = 2; ids.has(operationId); next++) operationId = `${id}${next}`;
    ids.add(operationId);
    const said =
      shown.kind === 'operation'
        ? operationDoc(shown, http, template, behind, schemas)
        : aggregateDoc(shown, template, operationId, schemas);
    paths[template] = { ...paths[template], [method.toLowerCase()]: { operationId, ...said } };
  }
  return {
    openapi: '3.1.0',
    info: '~contract' in of ? infoOf(of['~contract'], { ...aboutOf([of]), ...options }) : infoOf('gateway', options),
    ...(options.servers && { servers: options.servers.map((url) => ({ url })) }),
    paths,
    components: { schemas: schemas.schemas(), parameters, headers, responses },
  };
}
