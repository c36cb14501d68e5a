import type { Runtime } from '../../core/runtime.ts';
import type { Bus, BusDriver, SubscribeOptions } from '../bus.ts';
import { type Dispatch, dispatch } from '../dispatch.ts';
import type { Envelope } from '../envelope.ts';

interface Topic {
  readonly log: Envelope[];
  readonly groups: Map<string, Group>;
}

/** Who of a key's group has events of it in hand, the earliest first. */
interface Holding {
  readonly member: Dispatch;
  readonly open: Set<Envelope>;
}

interface Group {
  /** Not yet handed to anybody. */
  backlog: Envelope[];
  readonly held: Map<string, Holding>;
  readonly members: Dispatch[];
}

/** A bus in memory for tests: one log a topic, lost with the process. With `duplicates`, a share of the events comes twice. */
export function memory({ duplicates = 0 }: { readonly duplicates?: number } = {}): BusDriver {
  const topics = new Map<string, Topic>();
  const topicOf = (name: string): Topic => {
    const topic = topics.get(name) ?? { log: [], groups: new Map<string, Group>() };
    topics.set(name, topic);
    return topic;
  };
  const choose = ({ members }: Group, key: string): Dispatch =>
    members[[...key].reduce((sum, c) => sum + c.charCodeAt(0), 0) % members.length] as Dispatch;

  /** A key that somebody has events of in hand stays with that member: two must not have them at one time. */
  function hand(group: Group, envelope: Envelope): void {
    const key = envelope.partitionkey;
    const holding = group.held.get(key) ?? { member: choose(group, key), open: new Set<Envelope>() };
    group.held.set(key, holding);
    holding.open.add(envelope);
    holding.member.add(structuredClone(envelope), () => {
      holding.open.delete(envelope);
      if (holding.open.size === 0 && group.held.get(key) === holding) group.held.delete(key);
    });
  }

  function feed(group: Group, runtime: Runtime): void {
    if (group.members.length === 0) return;
    for (const envelope of group.backlog.splice(0)) {
      hand(group, envelope);
      if (runtime.random.next() < duplicates) hand(group, { ...envelope });
    }
  }

  /** What a member that is gone did not acknowledge comes again, before all that is later. */
  function takeBack(group: Group, member: Dispatch): void {
    const undone: Envelope[] = [];
    for (const [key, holding] of group.held) {
      if (holding.member !== member) continue;
      undone.push(...holding.open);
      group.held.delete(key);
    }
    group.backlog.unshift(...undone);
  }

  return {
    async open(runtime) {
      const mine: (() => Promise<void>)[] = [];
      const bus: Bus = {
        async publish(topic, envelopes) {
          const { log, groups } = topicOf(topic);
          const copies = envelopes.map((envelope) => structuredClone(envelope));
          log.push(...copies);
          for (const group of groups.values()) {
            group.backlog.push(...copies);
            feed(group, runtime);
          }
        },
        async subscribe({ topic, group: name, handle, concurrency = 64 }: SubscribeOptions) {
          const { log, groups } = topicOf(topic);
          const group = groups.get(name) ?? { backlog: [...log], held: new Map<string, Holding>(), members: [] };
          groups.set(name, group);
          const member = dispatch(handle, concurrency, runtime);
          group.members.push(member);
          feed(group, runtime);
          const close = async (signal?: AbortSignal): Promise<void> => {
            const index = group.members.indexOf(member);
            if (index >= 0) group.members.splice(index, 1);
            await member.close(signal);
            takeBack(group, member);
            feed(group, runtime);
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
