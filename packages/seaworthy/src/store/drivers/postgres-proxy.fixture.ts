import { connect, createServer, type Socket } from 'node:net';
import { postgresUrl } from './postgres.fixture.ts';

/** A message of the protocol (https://www.postgresql.org/docs/current/protocol-message-formats.html). */
export interface Message {
  /** The letter of its kind, such as `Q` for a simple query; empty for the first message of a client, which has none. */
  readonly kind: string;
  /** What follows the length, as text. */
  readonly text: string;
}

/** `cut` ends the connection on both sides, and the message is lost; `lose` loses it and all after it in its direction, in silence; `instead` is the text of a simple query in its place. */
export type Fate = 'pass' | 'cut' | 'lose' | { readonly instead: string };

const queryOf = (text: string): Buffer => {
  const bytes = Buffer.from(`Q\0\0\0\0${text}\0`);
  bytes.writeInt32BE(bytes.length - 1, 1);
  return bytes;
};

export interface PostgresProxy {
  readonly url: string;
  /** Decides what becomes of each message to the server. Everything passes until it is set. */
  toServer: (message: Message) => Fate;
  /** The same of each message to the client. */
  toClient: (message: Message) => Fate;
  /** Ends all connections. */
  cut(): void;
  /** Whether new connections are refused. */
  refuses: boolean;
  /** The number of connections that were made. */
  readonly connections: number;
  /** The number of connections that the client has open. */
  readonly open: number;
  close(): Promise<void>;
}

/** Reads whole messages out of a stream of bytes. */
function messages(named: boolean, each: (message: Message, bytes: Buffer) => void): (chunk: Buffer) => void {
  let rest = Buffer.alloc(0);
  let first = !named;
  return (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    for (;;) {
      const head = first ? 0 : 1;
      if (rest.length < head + 4) return;
      const length = head + rest.readInt32BE(head);
      if (rest.length < length) return;
      const bytes = rest.subarray(0, length);
      rest = rest.subarray(length);
      each({ kind: first ? '' : String.fromCharCode(bytes[0] as number), text: bytes.toString('latin1', head + 4) }, bytes);
      first = false;
    }
  };
}

/** Stands between the driver and a server, and loses what a test tells it to lose. It passes on one message in each turn of the event loop. */
export async function startProxy(target = postgresUrl): Promise<PostgresProxy> {
  const { hostname, port } = new URL(target);
  const sockets = new Set<Socket>();
  const clients = new Set<Socket>();
  let made = 0;
  const server = createServer((client) => {
    if (proxy.refuses) return client.destroy();
    made++;
    clients.add(client.on('close', () => clients.delete(client)));
    const upstream = connect(Number(port || 5432), hostname);
    const ends = [client, upstream];
    const cut = (): void => {
      for (const end of ends) end.destroy();
    };
    for (const end of ends) {
      sockets.add(end.setNoDelay());
      end.on('error', cut).on('close', () => {
        cut();
        sockets.delete(end);
      });
    }
    const pipe = (from: Socket, to: Socket, named: boolean, fate: (message: Message) => Fate): void => {
      const waiting: (() => void)[] = [];
      let lost = false;
      const next = (): void => {
        waiting.shift()?.();
        if (waiting.length > 0) setImmediate(next);
      };
      const read = messages(named, (message, bytes) => {
        const pass = (): void => {
          const decided = fate(message);
          if (decided === 'cut') cut();
          lost ||= decided === 'lose';
          if (!lost && !to.destroyed) to.write(typeof decided === 'object' ? queryOf(decided.instead) : bytes);
        };
        if (waiting.push(pass) === 1) setImmediate(next);
      });
      from.on('data', read);
    };
    pipe(client, upstream, false, (message) => proxy.toServer(message));
    pipe(upstream, client, true, (message) => proxy.toClient(message));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = new URL(target);
  url.host = `127.0.0.1:${(server.address() as { port: number }).port}`;
  const proxy: PostgresProxy = {
    url: url.href,
    toServer: () => 'pass',
    toClient: () => 'pass',
    cut() {
      for (const socket of sockets) socket.destroy();
    },
    refuses: false,
    get connections() {
      return made;
    },
    get open() {
      return clients.size;
    },
    close: () =>
      new Promise((resolve) => {
        proxy.cut();
        server.close(() => resolve());
      }),
  };
  return proxy;
}
