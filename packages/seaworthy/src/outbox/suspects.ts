import type { Bus } from '../bus/bus.ts';
import { orAborted } from '../core/abort.ts';
import type { Read, Tx } from '../store/store.ts';

/**
 * A slot for one piece of work that may have killed a process. While it runs no other such work does, so that the next death shows
 * which one is the cause.
 */
export interface Alone {
  /** Takes the slot once it is free, and resolves with the function that frees it. Rejects with the signal's reason. */
  take(signal: AbortSignal): Promise<() => void>;
  /** Takes the slot at once, and returns the function that frees it; `undefined` while the slot is taken. */
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
          const index = waiting.indexOf(wake);
          // If the slot was handed over at this very moment, the next waiter gets it.
          if (index >= 0) waiting.splice(index, 1);
          else waiting.shift()?.();
          throw error;
        }
      }
      return occupy();
    },
  };
}

const slots = new WeakMap<Bus, Alone>();

/** Returns the slot that all consumers on one bus share: they are in one process, and die together. */
export function aloneOn(bus: Bus): Alone {
  const slot = slots.get(bus) ?? alone();
  slots.set(bus, slot);
  return slot;
}

/** Reads how many processes may have died of an event. `taken`: the event has its mark, so it was not the cause. */
export async function suspicionOf(
  read: Read,
  consumer: string,
  event: string,
): Promise<{ readonly deaths: number; readonly taken: boolean }> {
  const [row] = await read.all(
    `select (select deaths from sw_suspect where consumer = ? and event = ?) as deaths,
      (select 1 from sw_inbox where consumer = ? and event = ?) as taken`,
    consumer,
    event,
    consumer,
    event,
  );
  return { deaths: Number(row?.['deaths'] ?? 0), taken: row?.['taken'] != null };
}

/** Records, before the handler runs, that so many processes died while the event was in flight. */
export async function suspect(tx: Tx, consumer: string, event: string, deaths: number): Promise<void> {
  await tx.run(
    tx.dialect.upsert({ table: 'sw_suspect', columns: 'consumer, event, deaths', key: 'consumer, event', set: 'deaths' }),
    consumer,
    event,
    deaths,
  );
}

/** Selects up to `limit` suspected events that have been taken since. It is a query of its own, since mostly there is none to delete. */
export const cleared = (limit: number): string =>
  `select consumer, event from sw_suspect where exists
    (select 1 from sw_inbox i where i.consumer = sw_suspect.consumer and i.event = sw_suspect.event) limit ${limit}`;
