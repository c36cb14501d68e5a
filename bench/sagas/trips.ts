import { command, contract } from 'seaworthy/contract';
import { runtime, silent } from 'seaworthy/core';
import { fleet, type StartOptions, start } from 'seaworthy/fleet';
import { saga } from 'seaworthy/saga';
import { service } from 'seaworthy/service';
import { z } from 'zod';
import { type Figures, type Task, workload } from '../shared/workload.ts';

const trip = z.object({ id: z.string(), bounces: z.optional(z.boolean()) });
const trips = contract('trips', { book: command({ http: 'POST /trips', input: trip }) });
const done = async ({ input }: { readonly input: { readonly id: string } }): Promise<{ readonly ticket: string }> => ({
  ticket: `t-${input.id}`,
});
const undo = async (): Promise<void> => {};
const bookTrip = saga(trips, 'book-trip', { input: trip, uses: [] })
  .step('flight', { do: done, undo })
  .step('hotel', { do: done, undo })
  .step('car', { do: done, undo })
  .step('mail', {
    retry: { attempts: 1 },
    async do({ input }) {
      if (input.bounces) throw new Error('the mail bounced');
      return done({ input });
    },
    undo,
  });
const bookings = service(trips, {
  sagas: [bookTrip],
  handlers: { book: async ({ input, start: begin }) => void begin(bookTrip, input) },
});

/** A fleet that books trips, each by a saga of four steps whose work is nothing. */
export interface Trips {
  /** Starts each saga by a command, and waits until it has ended. */
  run(task: Task): Promise<Figures>;
  /** Returns how often a counter of the fleet has counted so far. */
  counted(name: string): number;
  stop(): Promise<void>;
}

export async function openTrips(options: StartOptions): Promise<Trips> {
  const counts = new Map<string, number>();
  const waiting: (() => void)[] = [];
  const observe = {
    ...silent,
    count(name: string, _attributes?: unknown, by = 1) {
      counts.set(name, (counts.get(name) ?? 0) + by);
      if (name === 'seaworthy_saga_ended_total') waiting.shift()?.();
    },
  };
  const running = await start(fleet({ services: [bookings] }), { ...options, runtime: runtime({ observe }) });
  let first = 0;
  return {
    run(task) {
      const from = first;
      first += task.count;
      return workload(task, async (index) => {
        const id = String(from + index);
        // Whichever saga ends, one of those that wait goes on: as many are in flight, and their mean latency is the same.
        const ended = new Promise<void>((resolve) => waiting.push(resolve));
        await running.call(trips.book, task.compensated ? { id, bounces: true } : { id }, { key: id });
        await ended;
      });
    },
    counted: (name) => counts.get(name) ?? 0,
    stop: () => running.stop(),
  };
}
