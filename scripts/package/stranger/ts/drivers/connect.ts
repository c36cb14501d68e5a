import { MessageChannel } from 'node:worker_threads';
import type { Connection, Served } from 'seaworthy/client/conformance';
import { overPort, serve } from './transport.ts';

/** Serves what a case wants at one end of a channel, and opens a transport at the other. */
export async function connect(served: Served): Promise<Connection> {
  const { port1, port2 } = new MessageChannel();
  serve(port2, served);
  return { transport: overPort(port1), stop: async () => port2.close() };
}
