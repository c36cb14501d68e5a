import type { Dice } from './dice.ts';
import type { Input, Spot, Target } from './spots.ts';

/** The behaviour of the client. */
export type Manner =
  /** Sends all, reads the answers, then closes. */
  | 'wait'
  /** Sends all and closes its side at once. */
  | 'half-close'
  /** Sends all and resets the connection at once. */
  | 'reset'
  /** Resets at the first byte of an answer. */
  | 'reset-on-answer';

/** The data that are sent on one connection. */
export interface Shot {
  /** The family and the kind, such as `body/deep`. */
  readonly name: string;
  /** The pieces that are sent one after the other, with pauses. */
  readonly chunks: readonly Buffer[];
  readonly pauseMs: number;
  readonly manner: Manner;
  /** The method of each request, in order. */
  readonly methods: readonly string[];
  /** The smallest number of responses, at most the number of `methods`. */
  readonly answers: number;
  /** The statuses with which it must be refused; true for any status from 400 on. */
  readonly refused: readonly number[] | boolean;
  /** Whether it has a deadline that may pass, so that 504 is a valid answer. */
  readonly mayBeLate: boolean;
}

/** The input of a generator. */
export interface Aim {
  readonly dice: Dice;
  readonly target: Target;
  readonly spot: Spot;
}

export type Header = readonly [name: string, value: string];

export interface RequestParts {
  readonly method: string;
  readonly path: string;
  readonly headers?: readonly Header[];
  readonly body?: Buffer | undefined;
  readonly version?: string;
  /** Default `content-length` when there is a body. */
  readonly framing?: readonly Header[];
}

const hasBody = ({ method }: { readonly method: string }): boolean => method !== 'GET' && method !== 'DELETE';

/** The path of a spot with its parameters filled in, and a query string where the rest goes there. */
export function pathOf(spot: Spot, input: Input = spot.sample): string {
  const named = new Set<string>();
  const path = spot.path.replaceAll(/\{([^}]+)\}/g, (_, name: string) => {
    named.add(name);
    return encodeURIComponent(String(input[name]).toWellFormed());
  });
  if (hasBody(spot)) return path;
  const rest = Object.entries(input).filter(([name]) => !named.has(name));
  return rest.length === 0
    ? path
    : `${path}?${rest.map(([name, value]) => `${name}=${encodeURIComponent(String(value).toWellFormed())}`).join('&')}`;
}

/** The body of a spot's sample; none where all is in the path. */
export function bodyOf(spot: Spot, input: Input = spot.sample): Buffer | undefined {
  if (!hasBody(spot)) return undefined;
  const rest = Object.entries(input).filter(([name]) => !spot.path.includes(`{${name}}`));
  return rest.length > 0 ? Buffer.from(JSON.stringify(Object.fromEntries(rest))) : undefined;
}

export const json: Header = ['content-type', 'application/json'];

/** A request as bytes; header values are Latin-1, as on the wire. */
export function bytesOf({ method, path, headers = [], body, version = 'HTTP/1.1', framing }: RequestParts): Buffer {
  const length: readonly Header[] = framing ?? (body ? [['content-length', String(body.length)]] : []);
  const host: readonly Header[] = headers.some(([name]) => name.toLowerCase() === 'host') ? [] : [['host', 'shop']];
  const lines = [...host, ...headers, ...length].map(([name, value]) => `${name}: ${value}\r\n`).join('');
  return Buffer.concat([Buffer.from(`${method} ${path} ${version}\r\n${lines}\r\n`, 'latin1'), body ?? Buffer.alloc(0)]);
}

/** The spot's own request, as a good client sends it. */
export function goodRequest(spot: Spot, more: readonly Header[] = []): RequestParts {
  const body = bodyOf(spot);
  return { method: spot.method, path: pathOf(spot), headers: [...(body ? [json] : []), ...more], body };
}

/** Makes a shot of one request with one response, unless `more` overrides it. */
export function shot(name: string, request: RequestParts | Buffer, more: Partial<Shot> = {}): Shot {
  const bytes = Buffer.isBuffer(request) ? request : bytesOf(request);
  return {
    name,
    chunks: [bytes],
    pauseMs: 0,
    manner: 'wait',
    methods: [Buffer.isBuffer(request) ? 'GET' : request.method],
    answers: 1,
    refused: false,
    mayBeLate: false,
    ...more,
  };
}
