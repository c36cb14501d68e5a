import { bell } from '../../core/bell.ts';
import type { Runtime } from '../../core/runtime.ts';
import type { Store } from '../../store/store.ts';
import type { Worker } from '../../store/worker.ts';
import type { Handle } from '../bus.ts';
import { dispatch } from '../dispatch.ts';
import { join, leave, readLog, type Sharing, saveProgress, takeShare } from './embedded-log.ts';

/** One subscription of one process. */
export interface Member {
  readonly topic: string;
  wake(): void;
  close(signal?: AbortSignal): Promise<void>;
}

interface Parts {
  readonly store: Store;
  readonly worker: Worker;
  readonly runtime: Runtime;
  readonly topic: string;
  readonly group: string;
  readonly handle: Handle;
  readonly concurrency: number;
}

/** How far one partition is. Events are done in any order; what counts is up to where all are. */
class Partition {
  handed: number;
  saved: number;
  readonly #open: { readonly position: number; done: boolean }[] = [];

  constructor(position: number) {
    this.handed = position;
    this.saved = position;
  }

  hand(position: number): () => void {
    const entry = { position, done: false };
    this.handed = position;
    this.#open.push(entry);
    return () => {
      entry.done = true;
    };
  }

  /** The last position before which everything is done. */
  get done(): number {
    while (this.#open[0]?.done) this.#open.shift();
    return this.#open[0] ? this.#open[0].position - 1 : this.handed;
  }

  get idle(): boolean {
    return this.done === this.handed;
  }
}

/** Other processes' events and deaths are looked for this often; one's own publishing wakes at once. */
const pollMs = 100;
const shareMs = 1000;
const saveMs = 200;
const batch = 256;

export async function member(parts: Parts): Promise<Member> {
  const { store, worker, runtime, topic, group } = parts;
  const { clock, observe } = runtime;
  const sharing: Sharing = { topic, group, owner: worker.id };
  const owned = new Map<number, Partition>();
  const leaving = new Set<number>();
  const hands = dispatch(parts.handle, parts.concurrency, runtime);
  const woken = bell(clock);
  const stopping = new AbortController();
  let from = 0;
  let sharedAt = Number.NEGATIVE_INFINITY;
  let savedAt = clock.monotonic();

  await join(store, sharing);

  async function takePartitions(): Promise<void> {
    sharedAt = clock.monotonic();
    const { mine, taken } = await takeShare(store, sharing, worker.dead);
    for (const [part, position] of taken) owned.set(part, new Partition(position));
    for (const part of owned.keys()) if (!mine.has(part)) leaving.add(part);
    if (taken.size > 0) from = Math.min(...[...owned.values()].map((partition) => partition.handed));
  }

  /** Hands out what is new, and no more than can be held. True when there may be more. */
  async function read(): Promise<boolean> {
    const room = parts.concurrency * 4 - hands.size;
    if (owned.size === 0 || room <= 0) return false;
    const events = await readLog(store, topic, from, Math.min(batch, room));
    for (const { position, part, envelope } of events) {
      from = position;
      const partition = owned.get(part);
      if (!partition || leaving.has(part) || position <= partition.handed) continue;
      const done = partition.hand(position);
      hands.add(envelope, () => {
        done();
        // Room to read on, or a partition that can be handed over.
        if (hands.size <= parts.concurrency) woken.ring();
      });
    }
    return events.length > 0;
  }

  /** Progress may lag behind what is done: after a crash those come again, and the inbox knows them. */
  async function save(all: boolean): Promise<void> {
    const due = [...owned].filter(([part, partition]) =>
      leaving.has(part) ? partition.idle || all : partition.done > partition.saved || all,
    );
    savedAt = clock.monotonic();
    if (due.length === 0) return;
    runtime.reached('bus/progress/before');
    const lost = await store.transaction(async (tx) => {
      const gone: number[] = [];
      for (const [part, partition] of due) {
        const kept = await saveProgress(tx, sharing, part, partition.done, !all && !leaving.has(part));
        if (!kept || leaving.has(part)) gone.push(part);
      }
      if (all) await leave(tx, sharing);
      return gone;
    });
    runtime.reached('bus/progress/after');
    for (const [, partition] of due) partition.saved = partition.done;
    for (const part of lost) {
      owned.delete(part);
      leaving.delete(part);
    }
  }

  async function round(): Promise<void> {
    const now = clock.monotonic();
    if (now - sharedAt >= shareMs) await takePartitions();
    const more = await read();
    if (clock.monotonic() - savedAt >= saveMs) await save(false);
    if (!more) await woken.wait(pollMs, stopping.signal);
  }

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      try {
        await round();
      } catch (error) {
        observe.log('error', `the subscription of ${group} to ${topic} stumbled, it goes on`, { error });
        await woken.wait(1000, stopping.signal);
      }
    }
  }

  await takePartitions();
  const running = run();
  const remove = observe.gauge('seaworthy_bus_in_hand', { topic, group }, () => hands.size);
  let closed: Promise<void> | undefined;
  return {
    topic,
    wake: woken.ring,
    close(signal) {
      closed ??= (async () => {
        stopping.abort();
        await running;
        await hands.close(signal);
        await save(true);
        remove();
      })();
      return closed;
    },
  };
}
