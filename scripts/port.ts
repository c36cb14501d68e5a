import { createServer } from 'node:net';

/** Below what the kernels lend to connections that go out (Linux from 32,768, others from 49,152 on, RFC 6335). */
const [lowest, beyond] = [10_240, 32_000];

/**
 * A port that nobody listens on, for a process that is killed and comes back to it: none of those that a connection could be
 * lent while the process is away.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = lowest + Math.floor(Math.random() * (beyond - lowest));
    if (await isFree(port)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(false);
      else reject(error);
    });
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
