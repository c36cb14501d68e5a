import type { AddressInfo } from 'node:net';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { type BodyLimits, bodies } from './bodies.ts';
import { jsonOf } from './body.ts';
import { answerLast, type Connections, connections, cutUnread, takeRest } from './connections.ts';
import { ClientGone, ListenFailed } from './errors.ts';
import { refused, refusedHead, unknownRoute } from './refusal.ts';
import type { HttpReply } from './reply.ts';

/** A request as a route gets it. */
export interface HttpRequest {
  readonly params: Readonly<Record<string, string>>;
  /** The query string without the question mark. */
  readonly query: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** The parsed JSON of the body; `undefined` without a body. */
  readonly body: unknown;
  /** Aborts when the client disconnects before it has its response. */
  readonly signal: AbortSignal;
}

/** A route of a server. */
export interface HttpRoute {
  readonly method: string;
  /** The path, with parameters in braces: `/orders/{orderId}`. */
  readonly path: string;
  readonly handle: (request: HttpRequest) => Promise<HttpReply>;
}

/** A running server. */
export interface HttpServer {
  readonly url: string;
  readonly port: number;
  /** Accepts no new requests, waits for those in flight, and cuts the rest when `signal` aborts. */
  close(signal?: AbortSignal): Promise<void>;
}

/** The options of a server. */
export interface HttpServerOptions {
  readonly routes: readonly HttpRoute[];
  /** The address to listen on. Default `127.0.0.1`. */
  readonly host?: string | undefined;
  /** The port. Default 0, which picks a free one. */
  readonly port?: number | undefined;
  /** The names of the options that set the port, for the error when it is in use. Default none. */
  readonly portBy?: string | undefined;
  readonly bodies?: BodyLimits | undefined;
  /** The longest time to receive the headers of a request. Default 10 s. */
  readonly headersTimeoutMs?: number | undefined;
  /** The longest time to receive a whole request. Default 30 s. */
  readonly requestTimeoutMs?: number | undefined;
  /** The longest time for a client to read a response, and after that to read a part of it. Default 30 s. */
  readonly readTimeoutMs?: number | undefined;
  /** Makes the response to an error that a route throws. */
  readonly failed: (error: unknown) => HttpReply;
}

/** Joins host and port; an IPv6 address needs brackets before a port (RFC 3986, 3.2.2). */
const authority = (host: string, port: number): string => `${host.includes(':') ? `[${host}]` : host}:${port}`;

async function send(reply: FastifyReply, answer: HttpReply, readTimeoutMs: number): Promise<void> {
  // A request that broke off or was too slow has its response already.
  if (reply.raw.headersSent) return void reply.hijack();
  if (!reply.request.raw.complete) takeRest(reply.raw);
  cutUnread(reply.raw, readTimeoutMs);
  reply.code(answer.status).headers(answer.headers);
  await (answer.body === undefined ? reply.send() : reply.send(answer.body));
}

/** Sends a response as the last one of its connection. */
async function sendLast(reply: FastifyReply, answer: HttpReply): Promise<void> {
  reply.hijack();
  if (!reply.raw.headersSent) answerLast(reply.raw, answer);
}

/** Serves routes over HTTP/1.1 with JSON bodies. Throws `ListenFailed` when it cannot listen on the address. */
export async function httpServer({
  routes,
  host: given = '127.0.0.1',
  port = 0,
  portBy,
  bodies: limits,
  headersTimeoutMs = 10_000,
  requestTimeoutMs = 30_000,
  readTimeoutMs = 30_000,
  failed,
}: HttpServerOptions): Promise<HttpServer> {
  const host = given.replace(/^\[(.*)\]$/, '$1');
  // The framework is loaded here, so that code that only reads a fleet does not load it.
  const { fastify } = await import('fastify');
  let watched: Connections | undefined;
  const app = fastify({
    logger: false,
    requestTimeout: requestTimeoutMs,
    http: {
      headersTimeout: headersTimeoutMs,
      connectionsCheckingInterval: Math.ceil(Math.min(1000, headersTimeoutMs / 2)),
      requireHostHeader: false, // Node's own refusal is not a problem document
    },
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    exposeHeadRoutes: true,
    requestIdHeader: false,
    clientErrorHandler: (error, socket) => watched?.malformed(error, socket),
    // The contract decodes the raw query string.
    routerOptions: { maxParamLength: 2048, querystringParser: () => ({}) },
    frameworkErrors: (error, _request, reply) => void send(reply, refused(error) ?? failed(error), readTimeoutMs),
  });
  watched = connections(app.server);
  // Node silently ignores headers beyond the first 2000; 0 turns that off. Their total size is limited anyway.
  app.server.maxHeadersCount = 0;
  app.addHook('onRequest', ({ raw }, reply, done) => {
    if (!watched?.hears(raw)) return;
    const refusal = refusedHead(raw);
    if (refusal) void send(reply, refusal, readTimeoutMs);
    else done();
  });
  // `bodies` receives the bodies instead of the framework, since it limits their total.
  for (const method of ['DELETE', 'OPTIONS', 'PATCH', 'POST', 'PUT']) app.addHttpMethod(method, { hasBody: false, overrideExisting: true });
  const received = bodies(limits);
  app.setNotFoundHandler((request, reply) => send(reply, unknownRoute(request.method, request.url), readTimeoutMs));
  app.setErrorHandler((error: FastifyError, _request, reply) => {
    // The framework would close the connection after a wrong body, and the client could lose the response.
    if (reply.raw.shouldKeepAlive && !reply.raw.hasHeader('connection')) reply.header('connection', 'keep-alive');
    return send(reply, refused(error) ?? failed(error), readTimeoutMs);
  });
  for (const route of routes) {
    const takesBody = route.method !== 'GET';
    app.route({
      method: route.method,
      url: route.path.replaceAll(/\{([^}]+)\}/g, ':$1'),
      handler: async (request: FastifyRequest, reply: FastifyReply) => {
        const gone = new AbortController();
        reply.raw.once('close', () => {
          if (!reply.raw.writableFinished) gone.abort(new ClientGone('the client disconnected before it had its response'));
        });
        const taken = takesBody ? await received.receive(request.raw) : undefined;
        if (taken && 'refusal' in taken) return taken.last ? sendLast(reply, taken.refusal) : send(reply, taken.refusal, readTimeoutMs);
        const mark = request.raw.url?.indexOf('?') ?? -1;
        const answer = await route.handle({
          params: request.params as Readonly<Record<string, string>>,
          query: mark < 0 ? '' : (request.raw.url as string).slice(mark + 1),
          headers: request.headers,
          body: taken?.bytes && jsonOf(taken.bytes),
          signal: gone.signal,
        });
        return send(reply, answer, readTimeoutMs);
      },
    });
  }
  try {
    await app.listen({ host, port });
  } catch (error) {
    const { message } = error as Error;
    const by = portBy === undefined ? '' : ` by ${portBy}`;
    throw new ListenFailed(
      `cannot listen on ${authority(host, port)} (${message}): stop the process that uses it, or choose another port${by}`,
      { cause: error },
    );
  }
  const { port: actual } = app.server.address() as AddressInfo;
  return {
    url: `http://${authority(host, actual)}`,
    port: actual,
    async close(signal) {
      const cut = (): void => app.server.closeAllConnections();
      signal?.addEventListener('abort', cut, { once: true });
      if (signal?.aborted) cut();
      const closed = app.close();
      watched?.close();
      await closed;
      signal?.removeEventListener('abort', cut);
    },
  };
}
