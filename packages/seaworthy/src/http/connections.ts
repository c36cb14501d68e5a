import { type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { systemClock } from '../core/clock.ts';
import { refusal, unknownRoute } from './refusal.ts';
import type { HttpReply } from './reply.ts';

/** What a client may still send, and how long it may be silent, before a connection that is refused is cut: at once, it may lose the answer. */
const patience = { pieces: 64, ms: 2000, bytes: 16 * 1024 * 1024 };

/** Requests of one connection that may be in hand at one time: each of them may hold a large answer until it is its turn. */
const pipelined = 100;

/** Takes the rest of a request that is answered before it has come, within bounds; the time is that of any request. */
export function takeRest({ req }: ServerResponse): void {
  let left = patience.bytes;
  req.on('data', (piece: Buffer) => {
    left -= piece.length;
    if (left < 0) req.socket.destroy();
  });
}

/**
 * Cuts a client that does not take an answer within `ms`, nor anything of it within as long again: it is kept in memory, and so
 * is what else was asked on the connection.
 */
export function cutUnread(response: ServerResponse, ms: number): void {
  const { socket } = response.req;
  const watch = (): void => {
    const timer = systemClock.after(
      ms,
      () => {
        // The timer of a socket counts what comes in, too. But who goes on sending takes nothing by that.
        socket.pause().setTimeout(ms);
        response.prependOnceListener('finish', () => socket.setTimeout(0).resume());
      },
      { background: true },
    );
    response.once('close', () => timer.cancel());
  };
  if (response.socket) watch();
  else response.once('socket', watch); // its turn has not come
}

/** Answers a request as the last of its connection, which closes once the client has sent what it is sending, or is silent. */
export function answerLast(response: ServerResponse, { status, headers, body = '' }: HttpReply): void {
  const { req } = response;
  response.shouldKeepAlive = false;
  const all = { ...headers, 'content-length': String(Buffer.byteLength(body)), connection: 'close' };
  // Set one by one, they can be asked for afterwards.
  for (const [name, value] of Object.entries(all)) response.setHeader(name, value);
  response.writeHead(status);
  if (req.complete) return void response.end(body);
  response.write(body);
  takeRest(response);
  req.once('end', () => response.end());
  req.socket.setTimeout(patience.ms);
}

/** What of a server's connections its framework does not see to. */
export interface Connections {
  /** Answers what is not HTTP: in its turn, behind what was asked before it on the connection, and never as a second answer. */
  malformed(error: NodeJS.ErrnoException, socket: Socket): void;
  /**
   * Whether `request` is to be answered. Behind the last request of a connection nothing is, whatever it looks like: it may be
   * the rest of something else.
   */
  hears(request: IncomingMessage): boolean;
  /** Closes every connection on which nothing is asked now, the others once they have their answer, and those that are still to come. */
  close(): void;
}

const tooLarge = new Set(['HPE_HEADER_OVERFLOW', 'HPE_CHUNK_EXTENSIONS_OVERFLOW']);

function answerTo({ code }: NodeJS.ErrnoException): HttpReply {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return refusal(408, 'the request did not come in time', 'SW_HTTP_MALFORMED');
  if (code !== undefined && tooLarge.has(code)) return refusal(431, 'the headers are larger than this server accepts', 'SW_HTTP_MALFORMED');
  return refusal(400, 'the request is not well-formed HTTP', 'SW_HTTP_MALFORMED');
}

/** On the bare socket, as its last answer. */
function endWith(socket: Socket, { status, headers, body = '' }: HttpReply): void {
  if (!socket.writable) return void socket.destroy();
  const lines = Object.entries({ ...headers, 'content-length': String(Buffer.byteLength(body)), connection: 'close' });
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${body}`);
  socket.setTimeout(patience.ms, () => socket.destroy());
}

/** The connection closes behind this answer. */
function closeBehind(response: ServerResponse): void {
  const { socket } = response.req;
  if (response.headersSent) response.once('finish', () => socket.destroySoon());
  else response.setHeader('connection', 'close');
}

/** Watches the connections of `server`. */
export function connections(server: Server): Connections {
  const open = new Set<Socket>();
  /** The latest request of a connection, by its response. */
  const latest = new WeakMap<Socket, ServerResponse>();
  const refusedPieces = new WeakMap<Socket, number>();
  /** Requests of a connection that have no answer yet. */
  const inHand = new WeakMap<Socket, number>();
  /** Connections whose last request has come. */
  const ended = new WeakSet<Socket>();
  /** Those of them that ended as too much was asked in advance. */
  const full = new WeakSet<Socket>();
  const unheard = new WeakSet<IncomingMessage>();
  let closing = false;

  /** What is sent behind the end is passed over, and after some of it the client is cut. */
  function refusePiece(socket: Socket): number {
    const pieces = (refusedPieces.get(socket) ?? 0) + 1;
    refusedPieces.set(socket, pieces);
    if (pieces > patience.pieces) socket.destroy();
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
    const count = inHand.get(socket) ?? 0;
    const before = latest.get(socket);
    if (before && count === pipelined) {
      // Whoever asks so much in advance asks again on another connection what has no answer (RFC 9112, 9.3.2).
      ended.add(socket);
      full.add(socket);
      unheard.add(request);
      closeBehind(before);
      // No more is read; what came in the same read is no reason to be cut before the answers are there.
      socket.pause();
      return false;
    }
    inHand.set(socket, count + 1);
    response.once('close', () => inHand.set(socket, (inHand.get(socket) ?? 1) - 1));
    latest.set(socket, response);
    // Nobody here speaks another protocol, so it is answered as if it had not asked for one (RFC 9110, 7.8). But Node's parser
    // ends with it: it drops what came in the same read, and takes what comes after it for a request, from its first byte on.
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
    const socket = stream as Socket; // of a server without TLS
    socket.on('error', () => socket.destroy()).resume();
    if (isBehindEnd(socket)) return;
    ended.add(socket);
    inTurn(socket, unknownRoute('CONNECT', request.url ?? ''));
  });

  /** Once all that was asked before is answered. */
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
      // What is malformed is the rest of a request: it has one answer, its own, and its parser reads no more.
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
