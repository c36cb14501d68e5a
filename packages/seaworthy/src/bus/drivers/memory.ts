import { well } from '../../core/condition.ts';
import { macrotask } from '../../core/event-loop.ts';
import type { Runtime } from '../../core/runtime.ts';
import type { Bus, BusDriver, Handle } from '../bus.ts';
import { type Dispatch, dispatch } from '../dispatch.ts';
import { type Envelope, parseEnvelope, writeEnvelope } from '../envelope.ts';
import { BusClosed } from '../errors.ts';
import { checkedOptions } from '../options.ts';

/** An event of the log, as text: publisher and subscribers never share an object. */
interface Logged {
  readonly text: string;
  readonly position: string;
}

interface Topic {
  readonly log: Logged[];
  readonly groups: Map<string, Group>;
}

/** Who of a group has events of a key in hand, the earliest first. */
interface Holding {
  readonly member: Dispatch;
  readonly open: Set<{ readonly logged: Logged }>;
}

interface Group {
  /** Not yet handed to anybody. */
  backlog: Logged[];
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
  function hand(group: Group, logged: Logged): void {
    const envelope: Envelope = parseEnvelope(logged.text);
    const key = envelope.partitionkey;
    const holding = group.held.get(key) ?? { member: choose(group, key), open: new Set() };
    const entry = { logged };
    group.held.set(key, holding);
    holding.open.add(entry);
    holding.member.add({
      envelope,
      position: logged.position,
      gone: () => group.held.get(key) !== holding,
      done() {
        holding.open.delete(entry);
        if (holding.open.size === 0 && group.held.get(key) === holding) group.held.delete(key);
      },
    });
  }

  function feed(group: Group, { random }: Runtime): void {
    if (group.members.length === 0) return;
    for (const logged of group.backlog.splice(0)) {
      hand(group, logged);
      if (random.next() < duplicates) hand(group, logged);
    }
  }

  /** What a member that is gone did not acknowledge comes again, before all that is later. */
  function takeBack(group: Group, member: Dispatch): void {
    const undone: Logged[] = [];
    for (const [key, holding] of group.held) {
      if (holding.member !== member) continue;
      undone.push(...[...holding.open].map(({ logged }) => logged));
      group.held.delete(key);
    }
    group.backlog.unshift(...undone);
  }

  return {
    async open(runtime) {
      const mine = new Set<() => Promise<void>>();
      let closed = false;
      const check = (): void => {
        if (closed) throw new BusClosed('the bus is closed: neither publish nor subscribe after `close`');
      };
      /** Keys overtake each other, as they do where there is a network. */
      const later =
        (handle: Handle): Handle =>
        async (envelope, delivery) => {
          for (let turns = Math.floor(runtime.random.next() * 3); turns > 0; turns--) await macrotask();
          return handle(envelope, delivery);
        };
      const bus: Bus = {
        async publish(topic, envelopes) {
          check();
          const { log, groups } = topicOf(topic);
          const added = envelopes.map((one, index) => ({ text: writeEnvelope(one), position: String(log.length + index) }));
          log.push(...added);
          for (const group of groups.values()) {
            group.backlog.push(...added);
            feed(group, runtime);
          }
        },
        async subscribe(given) {
          check();
          const options = checkedOptions(given);
          const { log, groups } = topicOf(options.topic);
          const group = groups.get(options.group) ?? { backlog: [...log], held: new Map<string, Holding>(), members: [] };
          groups.set(options.group, group);
          const member = dispatch({ ...options, handle: later(options.handle) }, runtime);
          group.members.push(member);
          feed(group, runtime);
          const close = async (signal?: AbortSignal): Promise<void> => {
            const index = group.members.indexOf(member);
            if (index >= 0) group.members.splice(index, 1);
            await member.close(signal);
            takeBack(group, member);
            feed(group, runtime);
            mine.delete(close);
          };
          mine.add(close);
          return { close };
        },
        condition: () => well,
        async pending(topic, name, positions) {
          check();
          const { log, groups } = topicOf(topic);
          const group = groups.get(name);
          const open = group
            ? [...group.backlog, ...[...group.held.values()].flatMap((one) => [...one.open].map(({ logged }) => logged))]
            : log;
          const all = new Set(open.map(({ position }) => position));
          return new Set(positions.filter((one) => all.has(one)));
        },
        async close() {
          closed = true;
          await Promise.all([...mine].map((close) => close()));
        },
      };
      return bus;
    },
  };
}
