import type { BusDriver } from '../bus/bus.ts';
import type { Read } from '../store/store.ts';

/** A bus of which it is known what has not been taken yet. */
export interface Watched {
  readonly driver: BusDriver;
  /** Events that some group has not acknowledged. */
  readonly open: number;
}

export function watched(driver: BusDriver): Watched {
  const topics = new Map<string, { readonly ids: string[]; readonly groups: Map<string, Set<string>> }>();
  const topicOf = (name: string): { readonly ids: string[]; readonly groups: Map<string, Set<string>> } => {
    const topic = topics.get(name) ?? { ids: [], groups: new Map<string, Set<string>>() };
    topics.set(name, topic);
    return topic;
  };
  return {
    driver: {
      async open(runtime) {
        const bus = await driver.open(runtime);
        return {
          ...bus,
          publish(topic, envelopes) {
            const { ids, groups } = topicOf(topic);
            for (const { id } of envelopes) {
              ids.push(id);
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
    },
    get open() {
      let open = 0;
      for (const { groups } of topics.values()) for (const group of groups.values()) open += group.size;
      return open;
    },
  };
}

const tables = ['sw_outbox', 'sw_intent', 'sw_parked', "sw_saga where state in ('running', 'undoing')"];

/** What a service still has to do, in words; empty when it has done all. */
export async function dueIn(service: string, read: Read): Promise<readonly string[]> {
  const due: string[] = [];
  for (const table of tables) {
    const [row] = await read.all(`select count(*) as n from ${table}`);
    const count = Number(row?.['n']);
    if (count > 0) due.push(`${service} has ${count} in ${table}`);
  }
  return due;
}
