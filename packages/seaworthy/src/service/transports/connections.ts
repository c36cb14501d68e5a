import { type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { type HttpReply, refusal, unknownRoute } from './refusal.ts';

/** What a client may still send, and how long it may be silent, before a connection that is refused is cut: at once, it may lose the answer. */
const patience = { pieces: 64, ms: 2000, bytes: 16 * 1024 * 1024 };

/** Takes the rest of a request that is answered before it has come, within bounds; the time is that of any request. */
export function takeRest(response: ServerResponse): void {
  const { req } = response;
  response.once('finish', () => {
    let left = patience.bytes;
    req.on('data', (piece: Buffer) => {
      left -= piece.length;
      if (left < 0) req.socket.destroy();
    });
  });
}

/** What of a server's connections its framework does not see to. */
export interface Connections {
  /** Answers what is not HTTP: in its turn, behind what was asked before it on the connection, and never as a second answer. */
  malformed(error: NodeJS.ErrnoException, socket: Socket): void;
  /** Closes every connection on which nothing is asked now, the others once they have their answer, and those that are still to come. */
  close(): void;
}

const tooLarge = new Set(['HPE_HEADER_OVERFLOW', 'HPE_CHUNK_EXTENSIONS_OVERFLOW']);

function answerTo({ code }: NodeJS.ErrnoException): HttpReply {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return refusal(408, 'the request did not come in time', 'SW_HTTP_MALFORMED');
  if (code !== undefined && tooLarge.has(code)) return refusal(431, 'the headers are larger than this server takes', 'SW_HTTP_MALFORMED');
  return refusal(400, 'the request is not well-formed HTTP', 'SW_HTTP_MALFORMED');
}

/** On the bare socket, as its last answer. */
function endWith(socket: Socket, { status, headers, body = '' }: HttpReply): void {
  if (!socket.writable) return void socket.destroy();
  const lines = Object.entries({ ...headers, 'content-length': String(Buffer.byteLength(body)), connection: 'close' });
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${body}`);
  socket.setTimeout(patience.ms, () => socket.destroy());
}

function respond(response: ServerResponse, { status, headers, body = '' }: HttpReply): void {
  response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body), connection: 'close' }).end(body);
}

/** Watches the connections of `server`. */
export function connections(server: Server): Connections {
  const open = new Set<Socket>();
  /** The latest request of a connection, by its response. */
  const latest = new WeakMap<Socket, ServerResponse>();
  const refusedPieces = new WeakMap<Socket, number>();
  let closing = false;

  server.on('connection', (socket) => {
    if (closing) return void socket.destroy();
    open.add(socket);
    socket.once('close', () => open.delete(socket));
  });
  server.prependListener('request', (request: IncomingMessage, response: ServerResponse) => void latest.set(request.socket, response));
  server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
    latest.set(request.socket, response);
    respond(response, refusal(417, 'expect: takes 100-continue', 'SW_HTTP_BAD_REQUEST'));
  });
  server.on('connect', (request: IncomingMessage, stream) => {
    const socket = stream as Socket; // of a server without TLS
    socket.on('error', () => socket.destroy()).resume();
    inTurn(socket, unknownRoute('CONNECT', request.url ?? ''));
  });

  /** Once all that was asked before is answered. */
  function inTurn(socket: Socket, answer: HttpReply): void {
    const before = latest.get(socket);
    if (before === undefined || before.writableFinished) endWith(socket, answer);
    else before.once('finish', () => endWith(socket, answer));
  }

  return {
    malformed(error, socket) {
      const pieces = (refusedPieces.get(socket) ?? 0) + 1;
      refusedPieces.set(socket, pieces);
      if (error.code === 'ECONNRESET') return void socket.destroy();
      if (pieces > 1) return void (pieces > patience.pieces && socket.destroy());
      const before = latest.get(socket);
      const answer = answerTo(error);
      if (before === undefined || before.req.complete) inTurn(socket, answer);
      // What is malformed is the rest of a request: it has one answer, its own.
      else if (!before.headersSent) respond(before, answer);
      else socket.destroySoon();
    },
    close() {
      closing = true;
      for (const socket of open) {
        const last = latest.get(socket);
        if (last === undefined || (last.writableFinished && last.req.complete)) socket.destroySoon();
        else if (last.headersSent) last.once('finish', () => socket.destroySoon());
        else last.setHeader('connection', 'close');
      }
    },
  };
}
