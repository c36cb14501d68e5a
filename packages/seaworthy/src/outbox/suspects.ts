import type { Bus } from '../bus/bus.ts';
import { orAborted } from '../core/abort.ts';
import type { Read, Tx } from '../store/store.ts';

/**
 * A place for one: an event that may have killed a process is handled while no other such event is, so that the next death says
 * which one it was.
 */
export interface Alone {
  /** Resolves with what gives the place back, once it is free. Rejects with the signal's reason. */
  take(signal: AbortSignal): Promise<() => void>;
  /** The same at once; undefined while somebody has the place. */
  tryTake(): (() => void) | undefined;
  readonly free: boolean;
}

export function alone(): Alone {
  let taken = false;
  const waiting: (() => void)[] = [];
  function occupy(): () => void {
    taken = true;
    let over = false;
    return () => {
      if (over) return;
      over = true;
      taken = false;
      waiting.shift()?.();
    };
  }
  return {
    get free() {
      return !taken;
    },
    tryTake: () => (taken ? undefined : occupy()),
    async take(signal) {
      while (taken) {
        let wake = (): void => {};
        const free = new Promise<void>((resolve) => {
          wake = resolve;
        });
        waiting.push(wake);
        try {
          await orAborted(free, signal);
        } catch (error) {
          const place = waiting.indexOf(wake);
          // Called at the same moment: the next one is to have it.
          if (place >= 0) waiting.splice(place, 1);
          else waiting.shift()?.();
          throw error;
        }
      }
      return occupy();
    },
  };
}

const places = new WeakMap<Bus, Alone>();

/** The place that all consumers on one bus share: they live in one process, and die together. */
export function aloneOn(bus: Bus): Alone {
  const place = places.get(bus) ?? alone();
  places.set(bus, place);
  return place;
}

/** How often a process may have died of an event, as far as it was written down; `taken`: it is marked, so it killed nobody. */
export async function suspicionOf(
  read: Read,
  consumer: string,
  event: string,
): Promise<{ readonly deaths: number; readonly taken: boolean }> {
  const [row] = await read.all(
    `select (select deaths from sw_in_hand where consumer = ? and event = ?) as deaths,
      (select 1 from sw_inbox where consumer = ? and event = ?) as taken`,
    consumer,
    event,
    consumer,
    event,
  );
  return { deaths: Number(row?.['deaths'] ?? 0), taken: row?.['taken'] != null };
}

/** Writes down, before the handler runs, that so many processes died with it in hand. */
export async function suspect(tx: Tx, consumer: string, event: string, deaths: number): Promise<void> {
  await tx.run(
    tx.dialect.upsert({ table: 'sw_in_hand', columns: 'consumer, event, deaths', key: 'consumer, event', set: 'deaths' }),
    consumer,
    event,
    deaths,
  );
}

/** Forgets up to `limit` suspicions of events that were taken since. Asks before it writes: most of the time there is none. */
export const cleared = (limit: number): string =>
  `select consumer, event from sw_in_hand where exists
    (select 1 from sw_inbox i where i.consumer = sw_in_hand.consumer and i.event = sw_in_hand.event) limit ${limit}`;
