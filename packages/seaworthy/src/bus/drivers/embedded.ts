import { worst } from '../../core/condition.ts';
import { disposable } from '../../core/disposable.ts';
import { type Duration, milliseconds } from '../../core/duration.ts';
import { inTurn, together } from '../../core/ends.ts';
import { loop } from '../../core/loop.ts';
import { checkOptions, type OptionNames } from '../../core/options.ts';
import type { Runtime } from '../../core/runtime.ts';
import { sqlite } from '../../store/drivers/sqlite.ts';
import { claimStore } from '../../store/owner.ts';
import type { Read, Store, StoreDriver } from '../../store/store.ts';
import { type Worker, worker, workerMigrations } from '../../store/worker.ts';
import type { Bus, BusFeatures, DisposableBusDriver, Membership, Subscription, Topology } from '../bus.ts';
import { BusClosed } from '../errors.ts';
import { checkedOptions, written } from '../options.ts';
import { verifyByPlan } from '../topology.ts';
import { isRegistered, register } from './embedded-group.ts';
import { append, logMigrations, pendingPositions, prune } from './embedded-log.ts';
import { EmbeddedMember } from './embedded-member.ts';

export interface EmbeddedOptions {
  readonly dir: string;
  /** How long an event is kept after every group has had it. Default 7 d. */
  readonly retention?: Duration;
  /** The largest event, in bytes. Default 16 MiB. */
  readonly maxBytes?: number;
}

const logNames: OptionNames<Omit<EmbeddedOptions, 'dir'>> = { retention: true, maxBytes: true };

/** Opens a durable log in one SQLite file, `<dir>/bus.db`, which the processes of one machine share. Opening throws `StoreUnusable`. */
export function embedded(options: EmbeddedOptions): DisposableBusDriver {
  checkOptions('embedded', options, { dir: true, ...logNames });
  const { dir, ...rest } = options;
  return embeddedOn(sqlite({ dir }), rest);
}

/** Opens the same log in the database `bus` of any driver that understands SQLite's SQL. */
export function embeddedOn(stores: StoreDriver, options: Omit<EmbeddedOptions, 'dir'> = {}): DisposableBusDriver {
  checkOptions('embeddedOn', options, logNames);
  const { retention = '7d', maxBytes = 16 * 2 ** 20 } = options;
  const keepMs = milliseconds(retention, 'retention');
  return {
    async open(runtime) {
      const store = await stores.open('bus', runtime);
      try {
        await claimStore(store, { kind: 'bus', name: 'embedded' });
        await store.migrate([...workerMigrations, ...logMigrations]);
        return disposable(busOn(store, await worker(store, runtime), runtime, { keepMs, maxBytes }));
      } catch (error) {
        await store.close();
        throw error;
      }
    },
  };
}

const sentence = ({ topic, group }: Membership): string => `register the group ${group} on ${topic}, from the earliest event kept`;

/** Topics need no creation: the log takes any. */
async function missing(read: Read, { groups }: Topology): Promise<readonly Membership[]> {
  const found: Membership[] = [];
  for (const one of groups) if (!(await isRegistered(read, one))) found.push(one);
  return found;
}

interface Limits {
  readonly keepMs: number;
  readonly maxBytes: number;
}

const pruneEveryMs = 60_000;

function busOn(store: Store, own: Worker, runtime: Runtime, { keepMs, maxBytes }: Limits): Bus {
  const features: BusFeatures = { keeps: 'log', maxBytes };
  const members = new Set<EmbeddedMember>();
  let closing = false;
  const pruning = loop({
    runtime,
    name: 'bus-pruning',
    delayMs: pruneEveryMs,
    async turn() {
      await prune(store, runtime.clock.now() - keepMs);
      return pruneEveryMs;
    },
  });
  const check = (): void => {
    if (closing) throw new BusClosed('the bus is closed: neither publish nor subscribe after `close`');
  };

  async function end(): Promise<void> {
    closing = true;
    await inTurn(
      () => together([pruning.close(), ...[...members].map((one) => one.close())]),
      () => own.close(),
      () => store.close(),
    );
  }

  let closed: Promise<void> | undefined;
  const bus: Bus = {
    features,
    async publish(topic, envelopes) {
      check();
      if (envelopes.length === 0) return;
      const events = written(topic, envelopes, features);
      runtime.reached('bus/append/before');
      await append(store, topic, events, runtime.clock.now());
      runtime.reached('bus/append/after');
      for (const one of members) if (one.topic === topic) one.wake();
    },
    async subscribe(options): Promise<Subscription> {
      check();
      const one = await EmbeddedMember.open({ store, worker: own, runtime, options: checkedOptions(options) });
      if (closing) await one.close();
      check();
      members.add(one);
      return {
        async close(signal) {
          await one.close(signal);
          members.delete(one);
        },
      };
    },
    async plan(topology) {
      check();
      return (await missing(store.read, topology)).map(sentence);
    },
    async apply(topology) {
      check();
      if ((await missing(store.read, topology)).length === 0) return [];
      return store.transaction(async (tx) => {
        const done: string[] = [];
        for (const one of topology.groups) if (await register(tx, one)) done.push(sentence(one));
        return done;
      });
    },
    verify: (topology) => verifyByPlan(bus, topology),
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
  return bus;
}
