import type { Runtime } from '../core/runtime.ts';
import { sleep } from '../core/sleep.ts';
import type { Handle } from './bus.ts';
import type { Envelope } from './envelope.ts';

/** Hands events to a handler: in order within a key, many keys at one time. */
export interface Dispatch {
  /** How many are in hand or in line. */
  readonly size: number;
  /** `done` is called once the event was acknowledged; not at all when it was cut short. */
  add(envelope: Envelope, done: () => void): void;
  /** Begins nothing new, waits for what is in hand, and aborts it when `signal` does. */
  close(signal?: AbortSignal): Promise<void>;
}

interface Item {
  readonly envelope: Envelope;
  readonly done: () => void;
}

/** A rejected event is tried again after this, doubled up to 5 s; its key waits meanwhile. */
const firstMs = 100;
const longestMs = 5000;

export function dispatch(handle: Handle, concurrency: number, runtime: Runtime): Dispatch {
  const { clock, random, observe } = runtime;
  const lines = new Map<string, Item[]>();
  const ready: string[] = [];
  const cut = new AbortController();
  const running = new Set<Promise<void>>();
  let closing = false;
  let size = 0;

  async function one({ envelope, done }: Item): Promise<void> {
    for (let round = 0; ; round++) {
      try {
        await handle(envelope, { signal: cut.signal });
        return done();
      } catch (error) {
        if (closing) return;
        observe.count('seaworthy_bus_redelivered_total');
        observe.log('warn', 'an event was not taken, it comes again', { event: envelope.type, id: envelope.id, error });
        await sleep(clock, Math.min(longestMs, firstMs * 2 ** round) * (0.5 + random.next() / 2), cut.signal).catch(() => {});
        if (closing) return;
      }
    }
  }

  async function run(key: string): Promise<void> {
    const line = lines.get(key) as Item[];
    await one(line[0] as Item);
    line.shift();
    size--;
    if (line.length === 0) lines.delete(key);
    else ready.push(key);
  }

  function pump(): void {
    while (!closing && ready.length > 0 && running.size < concurrency) {
      const work: Promise<void> = run(ready.shift() as string).then(() => {
        running.delete(work);
        pump();
      });
      running.add(work);
    }
  }

  return {
    get size() {
      return size;
    },
    add(envelope, done) {
      size++;
      const key = envelope.partitionkey;
      const line = lines.get(key);
      if (line) line.push({ envelope, done });
      else {
        lines.set(key, [{ envelope, done }]);
        ready.push(key);
      }
      pump();
    },
    async close(signal) {
      closing = true;
      const stop = (): void => cut.abort(signal?.reason);
      signal?.addEventListener('abort', stop, { once: true });
      if (signal?.aborted) stop();
      await Promise.all(running);
      signal?.removeEventListener('abort', stop);
    },
  };
}
