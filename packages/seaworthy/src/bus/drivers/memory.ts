import type { Runtime } from '../../core/runtime.ts';
import type { Bus, BusDriver, SubscribeOptions } from '../bus.ts';
import { type Dispatch, dispatch } from '../dispatch.ts';
import type { Envelope } from '../envelope.ts';

interface Group {
  position: number;
  readonly members: Dispatch[];
}

/** A bus in memory for tests: one log a topic, lost with the process. With `duplicates`, a share of the events comes twice. */
export function memory({ duplicates = 0 }: { readonly duplicates?: number } = {}): BusDriver {
  const topics = new Map<string, { readonly log: Envelope[]; readonly groups: Map<string, Group> }>();
  const topicOf = (name: string): { readonly log: Envelope[]; readonly groups: Map<string, Group> } => {
    const topic = topics.get(name) ?? { log: [], groups: new Map<string, Group>() };
    topics.set(name, topic);
    return topic;
  };
  const memberOf = (group: Group, key: string): Dispatch => group.members[[...key].reduce((sum, c) => sum + c.charCodeAt(0), 0) % group.members.length] as Dispatch;

  function feed(name: string, runtime: Runtime): void {
    const { log, groups } = topicOf(name);
    for (const group of groups.values()) {
      for (; group.members.length > 0 && group.position < log.length; group.position++) {
        const envelope = log[group.position] as Envelope;
        const times = runtime.random.next() < duplicates ? 2 : 1;
        for (let time = 0; time < times; time++) memberOf(group, envelope.partitionkey).add(structuredClone(envelope), () => {});
      }
    }
  }

  return {
    async open(runtime) {
      const mine: (() => Promise<void>)[] = [];
      const bus: Bus = {
        async publish(topic, envelopes) {
          topicOf(topic).log.push(...envelopes.map((envelope) => structuredClone(envelope)));
          feed(topic, runtime);
        },
        async subscribe({ topic, group: name, handle, concurrency = 64 }: SubscribeOptions) {
          const { groups } = topicOf(topic);
          const group = groups.get(name) ?? { position: 0, members: [] };
          groups.set(name, group);
          const member = dispatch(handle, concurrency, runtime);
          group.members.push(member);
          feed(topic, runtime);
          const close = async (signal?: AbortSignal): Promise<void> => {
            const index = group.members.indexOf(member);
            if (index >= 0) group.members.splice(index, 1);
            await member.close(signal);
          };
          mine.push(close);
          return { close };
        },
        async close() {
          await Promise.all(mine.map((close) => close()));
        },
      };
      return bus;
    },
  };
}
