import { connect } from 'node:net';
import type { PostgresClient } from './postgres-client.ts';

/** The number of a cancellation in the protocol (https://www.postgresql.org/docs/current/protocol-message-formats.html, CancelRequest). */
const cancelRequest = 80877102;

/**
 * Asks the server to end the statement that runs on a connection. It uses the protocol's own message rather than `pg_cancel_backend`:
 * behind a pooler the process that the client knows is the pooler's. Nobody waits for it, and it may come too late.
 */
export function cancel({ host, port, processID, secretKey }: PostgresClient): void {
  if (host === undefined || port === undefined || typeof processID !== 'number' || typeof secretKey !== 'number') return;
  const message = Buffer.alloc(16);
  message.writeInt32BE(16, 0);
  message.writeInt32BE(cancelRequest, 4);
  message.writeInt32BE(processID, 8);
  message.writeInt32BE(secretKey, 12);
  const socket = host.startsWith('/') ? connect(`${host}/.s.PGSQL.${port}`) : connect(port, host);
  // A server that cannot be reached does not run the statement for anybody.
  socket.on('error', () => socket.destroy());
  socket.end(message);
}
