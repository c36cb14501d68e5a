import type { AddressInfo } from 'node:net';
import { openBooks } from './books.ts';
import { processor } from './server.ts';

/** Serves the books in the folder that its argument names, until the shop that started it closes the pipe. */
export default function main(): void {
  const [, , dir = '.seaworthy'] = process.argv;
  const books = openBooks(dir);
  const server = processor({ books });

  function stop(): void {
    server.close(() => {
      books.close();
      process.exit(0);
    });
    server.closeIdleConnections();
    setTimeout(() => server.closeAllConnections(), 1000).unref();
  }

  server.listen(0, '127.0.0.1', () => process.stdout.write(`${JSON.stringify({ listening: (server.address() as AddressInfo).port })}\n`));
  // The shop holds the other end of the pipe, which closes whenever the shop ends.
  process.stdin.on('end', stop).on('error', stop).resume();
  process.on('SIGTERM', stop);
  process.on('SIGINT', () => {});
}
