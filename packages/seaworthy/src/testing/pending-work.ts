import type { BusDriver } from '../bus/bus.ts';
import type { Read } from '../store/store.ts';

/** Counts the unacknowledged events of a bus that several drivers lead to. */
export interface DeliveryTracker {
  /** Wraps a driver of the bus. */
  track(driver: BusDriver): BusDriver;
  /** The number of deliveries that their group has not acknowledged. */
  readonly open: number;
}

interface Topic {
  readonly ids: Set<string>;
  readonly groups: Map<string, Set<string>>;
}

/** Makes a tracker of one bus. */
export function deliveryTracker(): DeliveryTracker {
  const topics = new Map<string, Topic>();
  const topicOf = (name: string): Topic => {
    const topic = topics.get(name) ?? { ids: new Set<string>(), groups: new Map<string, Set<string>>() };
    topics.set(name, topic);
    return topic;
  };
  return {
    track: (driver) => ({
      async open(runtime) {
        const bus = await driver.open(runtime);
        return {
          ...bus,
          publish(topic, envelopes) {
            const { ids, groups } = topicOf(topic);
            for (const { id } of envelopes) {
              // A log deduplicates by id, so that a repeated publish is delivered once.
              if (ids.has(id)) continue;
              ids.add(id);
              for (const group of groups.values()) group.add(id);
            }
            return bus.publish(topic, envelopes);
          },
          subscribe(options) {
            const { ids, groups } = topicOf(options.topic);
            const group = groups.get(options.group) ?? new Set(ids);
            groups.set(options.group, group);
            return bus.subscribe({
              ...options,
              async handle(envelope, delivery) {
                await options.handle(envelope, delivery);
                group.delete(envelope.id);
              },
            });
          },
        };
      },
    }),
    get open() {
      let open = 0;
      for (const { groups } of topics.values()) for (const group of groups.values()) open += group.size;
      return open;
    },
  };
}

const tables = ['sw_outbox', 'sw_intent', 'sw_parked', "sw_saga where state in ('running', 'undoing')"];

/** Describes the work that a service has not finished; empty if there is none. */
export async function pendingWork(service: string, read: Read): Promise<readonly string[]> {
  const pending: string[] = [];
  for (const table of tables) {
    const [row] = await read.all(`select count(*) as n from ${table}`);
    const count = Number(row?.['n']);
    if (count > 0) pending.push(`${service} has ${count} in ${table}`);
  }
  return pending;
}
