import type { CallOptions } from '../client/caller.ts';
import type { Bound } from '../contract/contract.ts';
import { type Http, isHttp, methods, type Params, refusedPath, shapeOf } from '../contract/http.ts';
import { checkOptions } from '../core/options.ts';
import type { Shown } from '../documents/shown.ts';
import { GatewayInvalid } from './errors.ts';

/** Calls an operation for a route. Input and output are typed where the route is defined. */
export type GatewayCall = (operation: Bound, input: unknown, options: CallOptions) => Promise<unknown>;

/** A request whose path matches a route. */
export interface Incoming {
  readonly params: Params<string>;
  readonly query: string;
  readonly body: unknown;
  /** The value of `Idempotency-Key`. */
  readonly key: string | undefined;
  readonly signal: AbortSignal;
  /** Logs why the answer lacks something, or why there is no answer. */
  readonly report: (level: 'warn' | 'error', message: string, attributes: Readonly<Record<string, unknown>>) => void;
}

/** The response of a route. */
export interface Outgoing {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
}

export interface Route<S extends string = string> {
  readonly http: Http;
  /** The operations that the route calls. */
  readonly targets: readonly Bound<S>[];
  /** What the gateway's OpenAPI document says of the route. Default nothing. */
  readonly shows?: Shown;
  readonly run: (incoming: Incoming, call: GatewayCall) => Promise<Outgoing>;
}

export interface Gateway<S extends string = string> {
  readonly routes: readonly Route<S>[];
}

/** Defines a gateway. Throws `GatewayInvalid` when two routes match the same requests, or the path of one is not allowed. */
export function gateway<S extends string>(spec: { readonly routes: readonly Route<S>[] }): Gateway<S> {
  checkOptions('gateway', spec, { routes: true });
  const seen = new Map<string, Http>();
  for (const { http } of spec.routes) {
    if (!isHttp(http)) {
      const form = `write one of ${methods.join(', ')}, a space and a path such as /api/orders/{orderId}`;
      throw new GatewayInvalid(`a route of the gateway is ${JSON.stringify(http)}: ${form}`);
    }
    const refused = refusedPath(http);
    if (refused !== undefined) throw new GatewayInvalid(`a route of the gateway ${refused}`);
    const other = seen.get(shapeOf(http));
    if (other) throw new GatewayInvalid(`the routes ${other} and ${http} match the same requests: keep one of them`);
    seen.set(shapeOf(http), http);
  }
  return Object.freeze({ routes: [...spec.routes] });
}
