import { createServer } from 'node:net';

/** The range below the ports that kernels use for outgoing connections (Linux from 32,768, others from 49,152 on, RFC 6335). */
const [lowest, beyond] = [10_240, 32_000];

/**
 * Finds a free port for a process that is killed and restarted on the same port. No outgoing connection can take it while the process is
 * down.
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
