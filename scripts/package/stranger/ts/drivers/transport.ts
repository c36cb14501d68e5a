// A transport of one's own: calls go through a port of node:worker_threads, as JSON.
import type { MessagePort } from 'node:worker_threads';
import { type Transport, Unreachable } from 'seaworthy/client';
import type { Served } from 'seaworthy/client/conformance';
import { type Answer, type CallRequest, operationsOf, sendable, traceOf } from 'seaworthy/client/driver-kit';
import { Deadline, type TraceContext } from 'seaworthy/core';

/** A call on its way, without what JSON cannot carry. */
interface Sent extends Pick<CallRequest, 'key' | 'undoes' | 'attempt'> {
  readonly id: number;
  readonly name: string;
  readonly input: unknown;
  readonly leftMs: number | undefined;
  readonly trace: TraceContext | undefined;
}

/** Answers the calls that arrive at `port`. */
export function serve(port: MessagePort, { contract, endpoint, runtime: { clock, baggage } }: Served): void {
  const operations = new Map(operationsOf(contract).map((operation) => [operation.name, operation]));
  const running = new Map<number, AbortController>();
  port.on('message', async (text: string) => {
    const { id, name, leftMs, trace, ...sent }: Sent & { readonly left?: string } = JSON.parse(text);
    if (sent.left !== undefined) return running.get(id)?.abort(new Error(sent.left));
    const operation = operations.get(name);
    if (!operation) throw new Error(`there is no operation ${name}`);
    const leaving = new AbortController();
    running.set(id, leaving);
    const answer = await endpoint.handle({
      ...{ operation, input: sent.input, key: sent.key, undoes: sent.undoes, attempt: sent.attempt, signal: leaving.signal },
      deadline: leftMs === undefined ? undefined : new Deadline(clock, clock.monotonic() + leftMs),
      trace: traceOf(trace ?? {}, baggage),
    });
    running.delete(id);
    port.postMessage(JSON.stringify({ id, answer }));
  });
}

/** Calls the service at the other end of `port`. */
export function overPort(port: MessagePort): Transport {
  const open = new Map<number, PromiseWithResolvers<Answer>>();
  let last = 0;
  let closed = false;
  port.on('message', (text: string) => {
    const { id, answer } = JSON.parse(text);
    open.get(id)?.resolve(answer);
  });
  const gone = new Promise<void>((resolve) => port.once('close', resolve)).then(() => {
    closed = true;
    for (const { reject } of open.values()) reject(new Unreachable('the port was closed: is the service there?'));
  });
  return {
    async send({ operation, input, key, undoes, attempt, deadline, trace, signal }) {
      signal.throwIfAborted();
      const { json } = sendable(operation, input);
      if (closed) throw new Unreachable('the port is closed: is the service there?');
      const id = ++last;
      const answered = Promise.withResolvers<Answer>();
      open.set(id, answered);
      const leave = (): void => {
        port.postMessage(JSON.stringify({ id, left: 'the caller left' }));
        answered.reject(signal.reason);
      };
      signal.addEventListener('abort', leave, { once: true });
      const sent: Sent = { id, name: operation.name, input: json, key, undoes, attempt, leftMs: deadline?.remaining(), trace };
      port.postMessage(JSON.stringify(sent));
      try {
        return await answered.promise;
      } finally {
        open.delete(id);
        signal.removeEventListener('abort', leave);
      }
    },
    async close() {
      port.close();
      await gone;
    },
  };
}
