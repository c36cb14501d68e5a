import type { AddressInfo, Socket } from 'node:net';
import Fastify, { type FastifyError, type FastifyReply, type FastifyRequest } from 'fastify';
import type { Problem } from '../../contract/problem.ts';
import { SeaworthyError } from '../../core/errors.ts';

/** The address to listen on is taken, or not ours to take. */
export class ListenFailed extends SeaworthyError {
  readonly code = 'SW_LISTEN_FAILED';
  readonly kind = 'unavailable';
}

export interface HttpRequest {
  readonly params: Readonly<Record<string, string>>;
  /** Without the question mark. */
  readonly query: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** Parsed JSON; `undefined` without a body. */
  readonly body: unknown;
  /** Aborts when the client leaves before it has its answer. */
  readonly signal: AbortSignal;
}

export interface HttpReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Already serialised; `undefined` for none. */
  readonly body: string | undefined;
}

export interface HttpRoute {
  readonly method: string;
  /** With parameters in braces: `/orders/{orderId}`. */
  readonly path: string;
  readonly handle: (request: HttpRequest) => Promise<HttpReply>;
}

export interface HttpServer {
  readonly url: string;
  readonly port: number;
  /** Accepts nothing new, lets requests finish, and cuts what is left when `signal` aborts. */
  close(signal?: AbortSignal): Promise<void>;
}

export interface HttpServerOptions {
  readonly routes: readonly HttpRoute[];
  /** Default `127.0.0.1`. */
  readonly host?: string | undefined;
  /** Default 0: any free one. */
  readonly port?: number | undefined;
  /** Bytes. Default 1 MiB. */
  readonly bodyLimit?: number | undefined;
  /** For what a handler throws: it should answer all it knows itself. */
  readonly failed: (error: unknown) => HttpReply;
}

/** The client left before it had its answer. */
export class ClientGone extends SeaworthyError {
  readonly code = 'SW_CLIENT_GONE';
  readonly kind = 'cancelled';
}

export const problemReply = (problem: Problem, headers: Readonly<Record<string, string>> = {}): HttpReply => ({
  status: problem.status,
  headers: { 'content-type': 'application/problem+json', ...headers },
  body: JSON.stringify(problem),
});

const refusal = (status: number, title: string, detail: string, code: string): HttpReply =>
  problemReply({ type: 'about:blank', title, status, detail, code });

/** What the HTTP layer itself refuses, before any route sees it. */
function refused(error: FastifyError): HttpReply | undefined {
  if (error.code === 'FST_ERR_CTP_BODY_TOO_LARGE')
    return refusal(413, 'Content Too Large', 'the body is larger than this server takes', 'SW_HTTP_BODY_TOO_LARGE');
  if (error.code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE')
    return refusal(415, 'Unsupported Media Type', 'content-type: send application/json', 'SW_HTTP_MEDIA_TYPE');
  const status = error.statusCode ?? 500;
  if (status >= 400 && status < 500)
    return refusal(status, status === 400 ? 'Bad Request' : error.name, `body: ${error.message}`, 'SW_HTTP_BAD_REQUEST');
  return undefined;
}

/** What is not HTTP at all is answered on the bare socket. */
function malformed(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
  const timeout = error.code === 'ERR_HTTP_REQUEST_TIMEOUT';
  const large = error.code === 'HPE_HEADER_OVERFLOW';
  const [status, title] = timeout ? [408, 'Request Timeout'] : large ? [431, 'Request Header Fields Too Large'] : [400, 'Bad Request'];
  const { body } = refusal(status as number, title as string, `the request is not well-formed HTTP: ${error.message}`, 'SW_HTTP_MALFORMED');
  const text = body as string;
  socket.end(
    `HTTP/1.1 ${status} ${title}\r\ncontent-type: application/problem+json\r\ncontent-length: ${Buffer.byteLength(text)}\r\nconnection: close\r\n\r\n${text}`,
  );
}

async function send(reply: FastifyReply, answer: HttpReply): Promise<void> {
  reply.code(answer.status).headers(answer.headers);
  await (answer.body === undefined ? reply.send() : reply.send(answer.body));
}

/** Serves routes over HTTP/1.1 with JSON bodies. Throws `ListenFailed` when the address cannot be had. */
export async function httpServer({
  routes,
  host = '127.0.0.1',
  port = 0,
  bodyLimit = 1024 * 1024,
  failed,
}: HttpServerOptions): Promise<HttpServer> {
  const app = Fastify({
    logger: false,
    bodyLimit,
    requestTimeout: 30_000,
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    exposeHeadRoutes: false,
    requestIdHeader: false,
    clientErrorHandler: malformed,
    // The raw query string is decoded by the wire, by the rules of the contract.
    routerOptions: { maxParamLength: 2048, querystringParser: () => ({}) },
    frameworkErrors: (error, _request, reply) => void send(reply, refused(error) ?? failed(error)),
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'string' }, app.getDefaultJsonParser('error', 'error'));
  app.setNotFoundHandler((request, reply) =>
    send(reply, refusal(404, 'Not Found', `there is no ${request.method} ${request.url.split('?', 1)[0]} here`, 'SW_HTTP_ROUTE_UNKNOWN')),
  );
  app.setErrorHandler((error: FastifyError, _request, reply) => send(reply, refused(error) ?? failed(error)));
  for (const route of routes) {
    app.route({
      method: route.method,
      url: route.path.replaceAll(/\{([^}]+)\}/g, ':$1'),
      handler: (request: FastifyRequest, reply: FastifyReply) => {
        const gone = new AbortController();
        reply.raw.once('close', () => {
          if (!reply.raw.writableFinished) gone.abort(new ClientGone('the client left before it had its answer'));
        });
        const mark = request.raw.url?.indexOf('?') ?? -1;
        return route
          .handle({
            params: request.params as Readonly<Record<string, string>>,
            query: mark < 0 ? '' : (request.raw.url as string).slice(mark + 1),
            headers: request.headers,
            body: request.body,
            signal: gone.signal,
          })
          .then((answer) => send(reply, answer));
      },
    });
  }
  try {
    await app.listen({ host, port });
  } catch (error) {
    throw new ListenFailed(`cannot listen on ${host}:${port} (${(error as Error).message}): choose another port, or stop what is there`, {
      cause: error,
    });
  }
  const { port: actual } = app.server.address() as AddressInfo;
  return {
    url: `http://${host}:${actual}`,
    port: actual,
    async close(signal) {
      const cut = (): void => app.server.closeAllConnections();
      signal?.addEventListener('abort', cut, { once: true });
      if (signal?.aborted) cut();
      await app.close();
      signal?.removeEventListener('abort', cut);
    },
  };
}
