import { type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { systemClock } from '../core/clock.ts';
import { refusal, unknownRoute } from './refusal.ts';
import type { HttpReply } from './reply.ts';

/** The limits on what a client sends after a refusal before its connection is cut; if it were cut at once the client could lose the response. */
const lingering = { pieces: 64, ms: 2000, bytes: 16 * 1024 * 1024 };

/** The largest number of requests in flight on one connection, since each may hold a large response until its turn. */
const pipelined = 100;

/** Reads and drops the rest of a request that is answered early, within bounds. */
export function takeRest({ req }: ServerResponse): void {
  let left = lingering.bytes;
  req.on('data', (piece: Buffer) => {
    left -= piece.length;
    if (left < 0) req.socket.destroy();
  });
}

/**
 * Cuts a client that does not read a response within `ms`, nor any part of it within another `ms`. Otherwise this response and the
 * further requests of the connection would stay in memory.
 */
export function cutUnread(response: ServerResponse, ms: number): void {
  const { socket } = response.req;
  const watch = (): void => {
    const timer = systemClock.after(
      ms,
      () => {
        // Received data would reset the timer of the socket, although a client that sends does not read. So receiving is paused.
        socket.pause().setTimeout(ms);
        response.prependOnceListener('finish', () => socket.setTimeout(0).resume());
      },
      { background: true },
    );
    response.once('close', () => timer.cancel());
  };
  if (response.socket) watch();
  else response.once('socket', watch); // earlier responses of the connection come first
}

/** Answers a request as the last one of its connection, which closes once the client has sent the rest or is silent. */
export function answerLast(response: ServerResponse, { status, headers, body = '' }: HttpReply): void {
  const { req } = response;
  response.shouldKeepAlive = false;
  const all = { ...headers, 'content-length': String(Buffer.byteLength(body)), connection: 'close' };
  // Headers that are set one by one can be read afterwards.
  for (const [name, value] of Object.entries(all)) response.setHeader(name, value);
  response.writeHead(status);
  if (req.complete) return void response.end(body);
  response.write(body);
  takeRest(response);
  req.once('end', () => response.end());
  req.socket.setTimeout(lingering.ms);
}

/** The handling of connections that the framework leaves to the server. */
export interface Connections {
  /** Answers malformed HTTP after the earlier requests of the connection, and never as a second response to one request. */
  malformed(error: NodeJS.ErrnoException, socket: Socket): void;
  /**
   * Tells whether to answer a request. Nothing after the last request of a connection is answered, since it may be the rest of that
   * request.
   */
  hears(request: IncomingMessage): boolean;
  /** Closes every idle connection now, the others after their responses, and new ones at once. */
  close(): void;
}

const tooLarge = new Set(['HPE_HEADER_OVERFLOW', 'HPE_CHUNK_EXTENSIONS_OVERFLOW']);

function answerTo({ code }: NodeJS.ErrnoException): HttpReply {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return refusal(408, 'the request did not come in time', 'SW_HTTP_MALFORMED');
  if (code !== undefined && tooLarge.has(code)) return refusal(431, 'the headers are larger than this server accepts', 'SW_HTTP_MALFORMED');
  return refusal(400, 'the request is not well-formed HTTP', 'SW_HTTP_MALFORMED');
}

/** Writes a last response to the bare socket. */
function endWith(socket: Socket, { status, headers, body = '' }: HttpReply): void {
  if (!socket.writable) return void socket.destroy();
  const lines = Object.entries({ ...headers, 'content-length': String(Buffer.byteLength(body)), connection: 'close' });
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${body}`);
  socket.setTimeout(lingering.ms, () => socket.destroy());
}

/** Makes the connection close after a response. */
function closeBehind(response: ServerResponse): void {
  const { socket } = response.req;
  if (response.headersSent) response.once('finish', () => socket.destroySoon());
  else response.setHeader('connection', 'close');
}

/** Watches the connections of `server`. */
export function connections(server: Server): Connections {
  const open = new Set<Socket>();
  /** The response to the latest request of each connection. */
  const latest = new WeakMap<Socket, ServerResponse>();
  const refusedPieces = new WeakMap<Socket, number>();
  /** The number of requests in flight on each connection. */
  const inFlight = new WeakMap<Socket, number>();
  /** The connections whose last request has arrived. */
  const ended = new WeakSet<Socket>();
  /** The ended connections that had too many requests in flight. */
  const full = new WeakSet<Socket>();
  const unheard = new WeakSet<IncomingMessage>();
  let closing = false;

  /** Ignores data after the last request, and cuts the client after some of it. */
  function refusePiece(socket: Socket): number {
    const pieces = (refusedPieces.get(socket) ?? 0) + 1;
    refusedPieces.set(socket, pieces);
    if (pieces > lingering.pieces) socket.destroy();
    return pieces;
  }

  function isBehindEnd(socket: Socket): boolean {
    const before = latest.get(socket);
    if (before && String(before.getHeader('connection')).toLowerCase() === 'close') ended.add(socket);
    return ended.has(socket);
  }

  function arrived(request: IncomingMessage, response: ServerResponse): boolean {
    const { socket } = request;
    if (isBehindEnd(socket)) {
      unheard.add(request);
      if (!full.has(socket)) refusePiece(socket);
      return false;
    }
    const count = inFlight.get(socket) ?? 0;
    const before = latest.get(socket);
    if (before && count === pipelined) {
      // A client that pipelines must repeat unanswered requests on another connection (RFC 9112, 9.3.2).
      ended.add(socket);
      full.add(socket);
      unheard.add(request);
      closeBehind(before);
      // The socket is paused. Data of the same read must not cut the client before it has its responses.
      socket.pause();
      return false;
    }
    inFlight.set(socket, count + 1);
    response.once('close', () => inFlight.set(socket, (inFlight.get(socket) ?? 1) - 1));
    latest.set(socket, response);
    // The server ignores an upgrade and answers the request as usual (RFC 9110, 7.8). But Node's parser ends with it: it drops data of
    // the same read, and takes later data for a new request.
    if (request.headers.upgrade !== undefined) {
      ended.add(socket);
      response.setHeader('connection', 'close');
    }
    return true;
  }

  server.on('connection', (socket) => {
    if (closing) return void socket.destroy();
    open.add(socket);
    socket.once('close', () => open.delete(socket));
  });
  server.prependListener('request', (request: IncomingMessage, response: ServerResponse) => void arrived(request, response));
  server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
    if (arrived(request, response)) answerLast(response, refusal(417, 'expect: must be 100-continue', 'SW_HTTP_BAD_REQUEST'));
  });
  server.on('connect', (request: IncomingMessage, stream) => {
    const socket = stream as Socket; // the server has no TLS
    socket.on('error', () => socket.destroy()).resume();
    if (isBehindEnd(socket)) return;
    ended.add(socket);
    inTurn(socket, unknownRoute('CONNECT', request.url ?? ''));
  });

  /** Writes a response after those to all earlier requests. */
  function inTurn(socket: Socket, answer: HttpReply): void {
    const before = latest.get(socket);
    if (before === undefined || before.writableFinished) endWith(socket, answer);
    else before.once('finish', () => endWith(socket, answer));
  }

  return {
    hears: (request) => !unheard.has(request),
    malformed(error, socket) {
      if (error.code === 'ECONNRESET') return void socket.destroy();
      if (refusePiece(socket) > 1) return;
      const before = latest.get(socket);
      const answer = answerTo(error);
      // The malformed data belong to an unfinished request, which gets this one response. The parser reads no more.
      if (before && !before.req.complete) {
        if (before.headersSent) return void socket.destroySoon();
        const { status, headers, body = '' } = answer;
        before.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body), connection: 'close' }).end(body);
      } else if (!isBehindEnd(socket)) inTurn(socket, answer);
      ended.add(socket);
    },
    close() {
      closing = true;
      for (const socket of open) {
        const last = latest.get(socket);
        ended.add(socket);
        if (last === undefined || (last.writableFinished && last.req.complete)) socket.destroySoon();
        else closeBehind(last);
      }
    },
  };
}
