import type { AddressInfo } from 'node:net';
import { openBooks } from './books.ts';
import { processor } from './server.ts';

/** Serves the books in the folder of its one argument, until the shop that started it lets go. */
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
  // The shop holds the other end: however it goes, this end closes.
  process.stdin.on('end', stop).on('error', stop).resume();
  process.on('SIGTERM', stop);
  process.on('SIGINT', () => {});
}
