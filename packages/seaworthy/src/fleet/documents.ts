import type { Contract, Members } from '../contract/contract.ts';
import { asyncapi } from '../documents/asyncapi.ts';
import type { DocumentOptions } from '../documents/document.ts';
import { openapi } from '../documents/openapi.ts';
import type { Gateway } from '../gateway/gateway.ts';
import { besides, documentRoutes } from '../http/documents.ts';
import type { HttpRoute } from '../http/server.ts';
import type { Fleet } from './fleet.ts';

/** Gives the documents of a server: those of a service, or those of the gateway with the events of the whole fleet. */
export interface FleetDocuments {
  /** Gives the routes of the documents. A route of the server itself, in `routes`, goes first. */
  of(what: Contract<string, Members> | Gateway, routes: readonly HttpRoute[]): readonly HttpRoute[];
}

/** Makes the documents of a fleet. A service has the title of its contract, the gateway has `title`. */
export function documentsOf(fleet: Fleet, options: boolean | DocumentOptions = true): FleetDocuments {
  if (options === false) return { of: () => [] };
  const { title, ...said } = options === true ? ({} as DocumentOptions) : options;
  const whole = { ...said, ...(title !== undefined && { title }) };
  return {
    of: (what, routes) =>
      besides(
        routes,
        '~contract' in what
          ? documentRoutes({ openapi: () => openapi(what, said), asyncapi: () => asyncapi(what, said) })
          : documentRoutes({
              openapi: () => openapi(what, whole),
              asyncapi: () =>
                asyncapi(
                  fleet.services.map(({ contract }) => contract),
                  whole,
                ),
            }),
      ),
  };
}
