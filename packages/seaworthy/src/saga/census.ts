import type { Runtime } from '../core/runtime.ts';
import { countUpTo, mostCounted } from '../store/count.ts';
import type { Read } from '../store/store.ts';
import { shownOf } from './instance.ts';
import { live, lostRows } from './saga-store.ts';

/** What is known of all instances in the database, whoever has them. */
export interface Census {
  /** How many are active, up to 10,000. */
  readonly live: number;
  /** How many wait for a verdict, up to 10,000. */
  readonly stuck: number;
  /** The ids of instances in an unknown state, which no engine takes up; 100 at most. */
  readonly lost: ReadonlySet<string>;
  /** Counts anew, once a minute at most, and reports instances in an unknown state that `isReported` does not know. */
  take(isReported: (id: string) => boolean): Promise<void>;
}

const everyMs = 60_000;
const lostAtMost = 100;

/** Makes the census of one engine. */
export function census(read: Read, { clock, observe }: Runtime): Census {
  let [alive, stuck] = [0, 0];
  let lost: ReadonlySet<string> = new Set();
  let due = Number.NEGATIVE_INFINITY;

  return {
    get live() {
      return alive;
    },
    get stuck() {
      return stuck;
    },
    get lost() {
      return lost;
    },
    async take(isReported) {
      if (clock.monotonic() < due) return;
      due = clock.monotonic() + everyMs;
      const rows = await lostRows(read, lostAtMost);
      for (const { id, name: saga, unreadable: reason } of rows.map(shownOf))
        if (!lost.has(id) && !isReported(id)) observe.log('error', 'saga cannot be read; leaving it aside', { saga, id, reason });
      lost = new Set(rows.map((row) => String(row['id'])));
      stuck = await countUpTo(read, mostCounted, "sw_saga where state = 'stuck'");
      alive = await countUpTo(read, mostCounted, `sw_saga where ${live}`);
    },
  };
}
