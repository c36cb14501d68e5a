import { orAborted, scope } from '../core/abort.ts';
import type { Runtime } from '../core/runtime.ts';
import { sleep } from '../core/sleep.ts';
import type { SubscribeOptions } from './bus.ts';
import type { Envelope } from './envelope.ts';

/** One event on its way to the handler. */
export interface Delivery {
  readonly envelope: Envelope;
  readonly position?: string;
  readonly orphaned?: boolean;
  /** Called once the event was acknowledged; not at all when it was cut short. */
  done(): void;
  /** True once somebody else has it: then it is not begun any more. */
  gone?(): boolean;
  /** Called when it is in hand no more, either way. */
  settled?(): void;
}

/** Hands events to a handler: in order within a key, many keys at one time. */
export interface Dispatch {
  /** How many are in hand or in line. */
  readonly size: number;
  /** The same, but of each key no more than a few: a key that waits fills `size`, not this. */
  readonly load: number;
  add(delivery: Delivery): void;
  /** Begins nothing new and waits for what is in hand; aborts it when `signal` does, and leaves alone what ignores that. */
  close(signal?: AbortSignal): Promise<void>;
}

/** A rejected event is tried again after this, doubled up to 5 s; its key waits meanwhile. */
const firstMs = 100;
const longestMs = 5000;
/** How many of one key count for `load`. */
const perKey = 8;
/** How long an aborted handler may take to give up. */
const graceMs = 1000;

export function dispatch({ topic, group, handle, concurrency }: Required<SubscribeOptions>, runtime: Runtime): Dispatch {
  const { clock, random, observe } = runtime;
  const lines = new Map<string, Delivery[]>();
  const ready: string[] = [];
  const running = new Set<Promise<void>>();
  const closing = new AbortController();
  const cut = new AbortController();
  let size = 0;
  let load = 0;

  async function one(delivery: Delivery): Promise<void> {
    const { envelope, position, orphaned } = delivery;
    for (let round = 0; !delivery.gone?.(); round++) {
      try {
        // Of what comes again in the same process nobody died.
        await handle(envelope, { signal: cut.signal, position, orphaned: orphaned && round === 0 });
        return delivery.done();
      } catch (error) {
        if (closing.signal.aborted) return;
        observe.count('seaworthy_bus_redelivered_total', { topic, group });
        observe.log('warn', 'an event was not taken, it comes again', { event: envelope.type, id: envelope.id, group, error });
        const ms = Math.min(longestMs, firstMs * 2 ** round) * (0.5 + random.next() / 2);
        await sleep(clock, ms, closing.signal).catch(() => {});
        if (closing.signal.aborted) return;
      }
    }
  }

  async function run(key: string): Promise<void> {
    const line = lines.get(key) as Delivery[];
    const delivery = line[0] as Delivery;
    await one(delivery);
    line.shift();
    size--;
    if (line.length < perKey) load--;
    if (line.length === 0) lines.delete(key);
    else ready.push(key);
    delivery.settled?.();
  }

  function pump(): void {
    while (!closing.signal.aborted && ready.length > 0 && running.size < concurrency) {
      const work: Promise<void> = run(ready.shift() as string).then(() => {
        running.delete(work);
        pump();
      });
      running.add(work);
    }
  }

  async function giveUp(drained: Promise<unknown>): Promise<void> {
    const grace = scope({ clock, timeout: { ms: graceMs, reason: () => new Error('grace') } });
    await grace.race(drained).catch(() =>
      observe.log('warn', 'handlers ignore their signal and are left alone: their events come again', {
        topic,
        group,
        handlers: running.size,
      }),
    );
    grace.end();
  }

  return {
    get size() {
      return size;
    },
    get load() {
      return load;
    },
    add(delivery) {
      const key = delivery.envelope.partitionkey;
      const line = lines.get(key);
      if (line) line.push(delivery);
      else {
        lines.set(key, [delivery]);
        ready.push(key);
      }
      size++;
      if ((line?.length ?? 1) <= perKey) load++;
      pump();
    },
    async close(signal) {
      closing.abort();
      const drained = Promise.all(running);
      if (!signal) return void (await drained);
      await orAborted(drained, signal).catch((reason: unknown) => {
        cut.abort(reason);
        return giveUp(drained);
      });
    },
  };
}
