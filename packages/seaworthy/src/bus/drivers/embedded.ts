import { type Duration, milliseconds } from '../../core/duration.ts';
import type { Runtime } from '../../core/runtime.ts';
import { sleep } from '../../core/sleep.ts';
import { sqlite } from '../../store/drivers/sqlite.ts';
import type { Store } from '../../store/store.ts';
import { type Worker, worker, workerMigrations } from '../../store/worker.ts';
import type { Bus, BusDriver, Subscription } from '../bus.ts';
import { append, logMigrations, prune } from './embedded-log.ts';
import { type Member, member } from './embedded-member.ts';

export interface EmbeddedOptions {
  readonly dir: string;
  /** How long an event is kept after every group has had it. Default 7 d. */
  readonly retention?: Duration;
}

/** A durable log in one SQLite file, `<dir>/bus.db`, shared by the processes of one machine. */
export function embedded({ dir, retention = '7d' }: EmbeddedOptions): BusDriver {
  const keepMs = milliseconds(retention, 'retention');
  return {
    async open(runtime) {
      const store = await sqlite({ dir }).open('bus', runtime);
      await store.migrate([...workerMigrations, ...logMigrations]);
      return busOn(store, await worker(store, runtime), runtime, keepMs);
    },
  };
}

function busOn(store: Store, own: Worker, runtime: Runtime, keepMs: number): Bus {
  const members = new Set<Member>();
  const closing = new AbortController();
  const pruning = (async () => {
    while (!closing.signal.aborted) {
      await sleep(runtime.clock, 60_000, closing.signal, { background: true }).catch(() => {});
      if (closing.signal.aborted) return;
      await prune(store, runtime.clock.now() - keepMs).catch((error: unknown) =>
        runtime.observe.log('error', 'the log of the bus could not be pruned', { error }),
      );
    }
  })();
  return {
    async publish(topic, envelopes) {
      if (envelopes.length === 0) return;
      runtime.reached('bus/append/before');
      await append(store, topic, envelopes, runtime.clock.now());
      runtime.reached('bus/append/after');
      for (const one of members) if (one.topic === topic) one.wake();
    },
    async subscribe({ topic, group, handle, concurrency = 64 }): Promise<Subscription> {
      const one = await member({ store, worker: own, runtime, topic, group, handle, concurrency });
      members.add(one);
      return {
        async close(signal) {
          members.delete(one);
          await one.close(signal);
        },
      };
    },
    async close() {
      closing.abort();
      await Promise.all([...members].map((one) => one.close()));
      await pruning;
      await own.close();
      await store.close();
    },
  };
}
