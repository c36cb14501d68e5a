import { worst } from '../../core/condition.ts';
import { type Duration, milliseconds } from '../../core/duration.ts';
import { inTurn, together } from '../../core/ends.ts';
import type { Runtime } from '../../core/runtime.ts';
import { sleep } from '../../core/sleep.ts';
import { sqlite } from '../../store/drivers/sqlite.ts';
import { claimStore } from '../../store/owner.ts';
import type { Store, StoreDriver } from '../../store/store.ts';
import { type Worker, worker, workerMigrations } from '../../store/worker.ts';
import type { Bus, BusDriver, Subscription } from '../bus.ts';
import { BusClosed } from '../errors.ts';
import { checkedOptions } from '../options.ts';
import { append, logMigrations, pendingPositions, prune } from './embedded-log.ts';
import { type Member, member } from './embedded-member.ts';

export interface EmbeddedOptions {
  readonly dir: string;
  /** How long an event is kept after every group has had it. Default 7 d. */
  readonly retention?: Duration;
}

/** A durable log in one SQLite file, `<dir>/bus.db`, shared by the processes of one machine. Opening throws `StoreUnusable`. */
export const embedded = ({ dir, ...options }: EmbeddedOptions): BusDriver => embeddedOn(sqlite({ dir }), options);

/** The same log in the database `bus` of any driver that understands SQLite's SQL. */
export function embeddedOn(stores: StoreDriver, { retention = '7d' }: Omit<EmbeddedOptions, 'dir'> = {}): BusDriver {
  const keepMs = milliseconds(retention, 'retention');
  return {
    async open(runtime) {
      const store = await stores.open('bus', runtime);
      try {
        await claimStore(store, { kind: 'bus', name: 'embedded' });
        await store.migrate([...workerMigrations, ...logMigrations]);
        return busOn(store, await worker(store, runtime), runtime, keepMs);
      } catch (error) {
        await store.close();
        throw error;
      }
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
  const check = (): void => {
    if (closing.signal.aborted) throw new BusClosed('the bus is closed: neither publish nor subscribe after `close`');
  };

  async function end(): Promise<void> {
    closing.abort();
    await inTurn(
      () => together([pruning, ...[...members].map((one) => one.close())]),
      () => own.close(),
      () => store.close(),
    );
  }

  let closed: Promise<void> | undefined;
  return {
    async publish(topic, envelopes) {
      check();
      if (envelopes.length === 0) return;
      runtime.reached('bus/append/before');
      await append(store, topic, envelopes, runtime.clock.now());
      runtime.reached('bus/append/after');
      for (const one of members) if (one.topic === topic) one.wake();
    },
    async subscribe(options): Promise<Subscription> {
      check();
      const one = await member({ store, worker: own, runtime, options: checkedOptions(options) });
      if (closing.signal.aborted) await one.close();
      check();
      members.add(one);
      return {
        async close(signal) {
          await one.close(signal);
          members.delete(one);
        },
      };
    },
    condition: () => worst([store.condition(), own.condition()]),
    async pending(topic, group, positions) {
      check();
      return pendingPositions(store.read, topic, group, positions);
    },
    close() {
      closed ??= end();
      return closed;
    },
  };
}
