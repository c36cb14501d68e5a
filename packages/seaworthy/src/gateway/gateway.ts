import type { CallOptions } from '../client/caller.ts';
import type { At } from '../contract/contract.ts';
import { type Http, isHttp, methods, type Params, refusedPath, shapeOf } from '../contract/http.ts';
import type { Shown } from '../documents/shown.ts';
import { GatewayInvalid } from './errors.ts';

/** An operation as a gateway calls it: what it is sent and what comes back are checked where routes are written. */
export type GatewayCall = (operation: At, input: unknown, options: CallOptions) => Promise<unknown>;

/** What a request brought, after the path was matched. */
export interface Incoming {
  readonly params: Params<string>;
  readonly query: string;
  readonly body: unknown;
  /** From `Idempotency-Key`. */
  readonly key: string | undefined;
  readonly signal: AbortSignal;
  /** Tells the log why something is missing in the answer, or why there is none. */
  readonly report: (level: 'warn' | 'error', message: string, attributes: Readonly<Record<string, unknown>>) => void;
}

/** What a route answers: the body, and what it says of it. */
export interface Outgoing {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
}

export interface Route<S extends string = string> {
  readonly http: Http;
  /** The operations that it calls. */
  readonly targets: readonly At<S>[];
  /** What the gateway's document says of it. Default nothing. */
  readonly shows?: Shown;
  readonly run: (incoming: Incoming, call: GatewayCall) => Promise<Outgoing>;
}

export interface Gateway<S extends string = string> {
  readonly routes: readonly Route<S>[];
}

/** Defines a gateway. Throws `GatewayInvalid` when two routes match the same requests, or one has a path that it may not have. */
export function gateway<S extends string>(spec: { readonly routes: readonly Route<S>[] }): Gateway<S> {
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
