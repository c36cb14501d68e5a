import { type Scope, scope } from '../core/abort.ts';
import { type Backoff, backoffMs } from '../core/backoff.ts';
import { InFlight } from '../core/in-flight.ts';
import type { Runtime } from '../core/runtime.ts';
import { sleep } from '../core/sleep.ts';
import type { Delivered, Membership } from './bus.ts';

/** One message on its way to its handler. */
export interface Delivery {
  /** Deliveries of one key are handled one after another. */
  readonly key: string;
  /** Names the event in the log. */
  readonly type: string;
  readonly id: string;
  readonly position?: string | undefined;
  readonly orphaned?: boolean | undefined;
  /** Resolving acknowledges it; rejecting redelivers it. */
  handle(delivered: Delivered): Promise<void>;
  /** Aborts once this member no longer owns the event: its handler is aborted, or not begun. Default: it stays this member's. */
  readonly owned?: Scope | undefined;
  /** True while the event must not begin, as between the loss of a partition and its new assignment. Then call `Dispatch.resume`. */
  isHeld?(): boolean;
  /** Called once the event was acknowledged; not at all when it was cut short. */
  done(): void;
  /** Called when the event is no longer in flight or queued, acknowledged or not. */
  settled?(): void;
}

/** Calls the handlers of events: in order within a key, and many keys at one time. */
export interface Dispatch {
  /** The number of events in flight or queued. */
  readonly size: number;
  /** The same number, with at most eight events of each key: a key that hangs fills `size`, but not `load`. */
  readonly load: number;
  add(delivery: Delivery): void;
  /** Checks the held events again. */
  resume(): void;
  /** Begins nothing new and waits for the events in flight. When `signal` aborts, they are aborted; a handler that ignores this is abandoned after 1 s. */
  close(signal?: AbortSignal): Promise<void>;
}

/** The wait before a rejected event is redelivered; its key waits meanwhile. */
const redelivery: Backoff = { baseMs: 100, capMs: 5000, jitter: 'equal' };
/** How many events of one key count for `load`. */
const perKey = 8;
/** How long an aborted handler may take to give up. */
const graceMs = 1000;

/**
 * Makes the dispatch of one subscription. A rejected event is redelivered after 100 ms, doubling to 5 s, and its key waits meanwhile. A
 * handler that ignores an abort is left alone after 1 s.
 */
export function dispatch(
  { topic, group, concurrency }: Membership & { readonly concurrency: number },
  { clock, random, observe }: Runtime,
): Dispatch {
  /** By key; the first of each is the next one, or in flight. */
  const queues = new Map<string, Delivery[]>();
  const ready: string[] = [];
  const held: string[] = [];
  const inFlight = new InFlight({ clock });
  let size = 0;
  let load = 0;

  async function pause(failures: number, within: Scope): Promise<void> {
    const waiting = scope({ clock, parents: [within, inFlight.closing] });
    await sleep(clock, backoffMs(redelivery, failures, random), waiting.signal).catch(() => {});
    waiting.end();
  }

  async function deliver({ type, id, position, orphaned, handle, done }: Delivery, within: Scope): Promise<void> {
    for (let failures = 0; !within.aborted && !(failures > 0 && inFlight.closing.aborted); ) {
      const delivered: Delivered = {
        get signal() {
          return within.signal;
        },
        position,
        // A redelivery in the same process says nothing about a death.
        orphaned: orphaned && failures === 0,
      };
      try {
        await handle(delivered);
        return done();
      } catch (error) {
        if (inFlight.closing.aborted || within.aborted) return;
        observe.count('seaworthy_bus_redelivered_total', { topic, group });
        observe.log('warn', 'handler rejected the event; redelivering', { event: type, id, group, error });
        await pause(++failures, within);
      }
    }
  }

  function settle(key: string): void {
    const queue = queues.get(key) as Delivery[];
    const delivery = queue.shift() as Delivery;
    size--;
    if (queue.length < perKey) load--;
    if (queue.length === 0) queues.delete(key);
    else ready.push(key);
    delivery.settled?.();
  }

  function pump(): void {
    while (!inFlight.closing.aborted && ready.length > 0 && inFlight.size < concurrency) {
      const key = ready.shift() as string;
      const [delivery] = queues.get(key) as [Delivery];
      if (delivery.isHeld?.() && !delivery.owned?.aborted) {
        held.push(key);
        continue;
      }
      const parents = delivery.owned ? [delivery.owned] : [];
      void inFlight
        .run(key, (within) => deliver(delivery, within), { parents })
        .then(() => {
          settle(key);
          pump();
        });
    }
  }

  return {
    get size() {
      return size;
    },
    get load() {
      return load;
    },
    add(delivery) {
      const queue = queues.get(delivery.key);
      if (queue) queue.push(delivery);
      else {
        queues.set(delivery.key, [delivery]);
        ready.push(delivery.key);
      }
      size++;
      if ((queue?.length ?? 1) <= perKey) load++;
      pump();
    },
    resume() {
      ready.unshift(...held.splice(0));
      pump();
    },
    async close(signal) {
      const handlers = await inFlight.close(signal, graceMs);
      if (handlers > 0)
        observe.log('warn', 'handlers ignored their signal and were abandoned; their events are redelivered', { topic, group, handlers });
    },
  };
}
