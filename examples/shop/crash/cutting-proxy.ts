import { connect, createServer, type Socket } from 'node:net';

/** Stands between the shop and its database, and cuts some connections in the middle of a commit. */
export interface CuttingProxy {
  /** The address of the database by way of the proxy. */
  readonly url: string;
  /** The share of the commits that are cut, from 0 to 1: half of them before the server has heard of the commit, half after it. */
  share: number;
  /** The number of commits that were cut. */
  readonly cuts: number;
  close(): Promise<void>;
}

/** The driver commits by a simple query (https://www.postgresql.org/docs/current/protocol-message-formats.html). */
const commit = Buffer.from('Q\0\0\0\x0bcommit\0', 'latin1');
/** The answers of the server that end a commit: done, rolled back, refused. */
const answersCommit = /COMMIT\0|ROLLBACK\0|SERROR\0/;

export async function startCuttingProxy(target: string, random: () => number): Promise<CuttingProxy> {
  const { hostname, port } = new URL(target);
  const open = new Set<Socket>();
  let cuts = 0;

  function join(shop: Socket): void {
    const database = connect(Number(port), hostname);
    /** Whether the answer to the next commit is lost. */
    let deaf = false;
    const end = (): void => {
      for (const socket of [shop, database]) {
        open.delete(socket);
        socket.destroy();
      }
    };
    for (const socket of [shop, database]) open.add(socket.setNoDelay().on('error', end).on('close', end));
    shop.on('data', (sent: Buffer) => {
      const at = proxy.share > 0 ? sent.indexOf(commit) : -1;
      if (at < 0 || random() >= proxy.share) return void database.write(sent);
      cuts++;
      if (random() < 0.5) {
        deaf = true;
        return void database.write(sent);
      }
      // What precedes the commit arrives: the server sees a transaction whose connection is lost.
      database.write(sent.subarray(0, at), end);
    });
    database.on('data', (answered: Buffer) => {
      if (!deaf) return void shop.write(answered);
      if (answersCommit.test(answered.toString('latin1'))) end();
    });
  }

  const server = createServer(join);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = new URL(target);
  url.port = String((server.address() as { port: number }).port);
  const proxy: CuttingProxy = {
    url: url.href,
    share: 0,
    get cuts() {
      return cuts;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of open) socket.destroy();
      }),
  };
  return proxy;
}
