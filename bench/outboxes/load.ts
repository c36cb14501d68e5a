import { type Contestant, serve } from '../shared/contestant.ts';
import { percentile } from '../shared/workload.ts';

/** Events to publish: as fast as a number of producers can, or so many a second. */
export interface Task {
  readonly count: number;
  readonly producers?: number;
  readonly perSecond?: number;
}

export interface Figures {
  /** Events a second, from the first transaction of a producer to the last one of the subscriber. */
  readonly rate: number;
  /** Milliseconds from the commit of a producer to the commit of the subscriber. */
  readonly p50: number;
  readonly p99: number;
}

/** One event, of about 1 KB, of one of a hundred keys. */
export interface Placed {
  readonly id: string;
  readonly order: string;
  readonly text: string;
}

/** An outbox with its subscriber. */
export interface Outbox {
  /** Writes a row and publishes an event, in one transaction. */
  produce(event: Placed): Promise<void>;
  stop(): Promise<void>;
}

const text = 'x'.repeat(1000);

/** Serves an outbox, which calls `handled` once the row of the subscriber is committed. */
export function serveOutbox(open: (handled: (id: string) => void) => Promise<Outbox>): Promise<void> {
  return serve<Task, Figures>(async (): Promise<Contestant<Task, Figures>> => {
    const committed = new Map<string, number>();
    const took: number[] = [];
    const seen = new Set<string>();
    let wanted = 0;
    let all = (): void => {};
    const outbox = await open((id) => {
      const now = performance.now();
      if (seen.has(id)) return;
      seen.add(id);
      took.push(now - (committed.get(id) ?? now));
      if (seen.size === wanted) all();
    });
    let first = 0;

    async function run({ count, producers = 1, perSecond }: Task): Promise<Figures> {
      const from = first;
      first += count;
      wanted = first;
      took.length = 0;
      const done = new Promise<void>((resolve) => (all = resolve));
      const produce = async (index: number): Promise<void> => {
        const id = `e${from + index}`;
        await outbox.produce({ id, order: `o${index % 100}`, text });
        committed.set(id, performance.now());
      };
      const began = performance.now();
      if (perSecond !== undefined) {
        for (let index = 0; index < count; index++) {
          const wait = began + (index * 1000) / perSecond - performance.now();
          if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
          void produce(index);
        }
      } else {
        let next = 0;
        const producer = async (): Promise<void> => {
          for (let index = next++; index < count; index = next++) await produce(index);
        };
        await Promise.all(Array.from({ length: producers }, producer));
      }
      await done;
      const seconds = (performance.now() - began) / 1000;
      committed.clear();
      return { rate: count / seconds, p50: percentile(took, 0.5), p99: percentile(took, 0.99) };
    }
    return { run, stop: () => outbox.stop() };
  });
}

/** The tables of the rows that producer and subscriber write. */
export const tables = [
  'create table placed (id text primary key, text text not null)',
  'create table seen (id text primary key, text text not null)',
];
