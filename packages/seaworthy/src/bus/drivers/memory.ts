import { well } from '../../core/condition.ts';
import { disposable } from '../../core/disposable.ts';
import { macrotask } from '../../core/event-loop.ts';
import { checkOptions } from '../../core/options.ts';
import type { Random } from '../../core/random.ts';
import type { Runtime } from '../../core/runtime.ts';
import type { Bus, BusFeatures, DisposableBusDriver, Membership, Topology } from '../bus.ts';
import { type Dispatch, dispatch } from '../dispatch.ts';
import { BusClosed } from '../errors.ts';
import { incoming, orderingKey } from '../incoming.ts';
import type { Message } from '../message.ts';
import { checkedOptions, type Subscribing, written } from '../options.ts';
import { verifyByPlan } from '../topology.ts';

export interface MemoryOptions extends Partial<BusFeatures> {
  /** The share of events that is delivered twice. Default 0. */
  readonly duplicates?: number;
}

/** A bus in memory, which also takes what producers of other kinds send. */
export interface MemoryBusDriver extends DisposableBusDriver {
  /** Puts a message into a topic as it is, whether it is an event or not. */
  send(topic: string, message: Message): void;
}

/** A message of the log. Events are kept as text: publisher and subscribers never share an object. */
interface Logged {
  readonly message: Message;
  readonly key: string;
  readonly position: string;
}

interface Topic {
  readonly log: Logged[];
  readonly groups: Map<string, Group>;
}

interface Member {
  readonly options: Subscribing;
  readonly runtime: Runtime;
  readonly dispatch: Dispatch;
}

/** The messages of one key that a member has in flight or queued, the earliest first. */
interface Holding {
  readonly member: Member;
  readonly open: Set<{ readonly logged: Logged }>;
}

interface Group {
  /** The messages that no member has yet. */
  readonly backlog: Logged[];
  readonly held: Map<string, Holding>;
  readonly members: Member[];
}

const without: Random = { next: () => 1 };

/** Everything that the members of one bus share. */
class Topics {
  readonly #features: BusFeatures;
  readonly #duplicates: number;
  readonly #topics = new Map<string, Topic>();
  #position = 0;

  constructor(features: BusFeatures, duplicates: number) {
    this.#features = features;
    this.#duplicates = duplicates;
  }

  topic(name: string): Topic {
    const topic = this.#topics.get(name) ?? { log: [], groups: new Map<string, Group>() };
    this.#topics.set(name, topic);
    return topic;
  }

  register({ topic, group }: Membership): Group {
    const { log, groups } = this.topic(topic);
    const found = groups.get(group) ?? { backlog: [...log], held: new Map<string, Holding>(), members: [] };
    groups.set(group, found);
    return found;
  }

  append(name: string, messages: readonly Message[], random: Random): void {
    const { log, groups } = this.topic(name);
    const added = messages.map((message) => {
      const position = String(this.#position++);
      return { message, position, key: orderingKey(name, message, position) };
    });
    if (this.#features.keeps === 'log') log.push(...added);
    for (const group of groups.values()) {
      group.backlog.push(...added);
      this.feed(group, random);
    }
  }

  feed(group: Group, random: Random): void {
    if (group.members.length === 0) return;
    for (const logged of group.backlog.splice(0)) {
      this.#hand(group, logged);
      if (random.next() < this.#duplicates) this.#hand(group, logged);
    }
  }

  /** Hands a message to a member. A key stays with the member that has messages of it: two members never have one key. */
  #hand(group: Group, logged: Logged): void {
    const { key, message, position } = logged;
    const chosen = group.members[[...key].reduce((sum, c) => sum + c.charCodeAt(0), 0) % group.members.length] as Member;
    const holding = group.held.get(key) ?? { member: chosen, open: new Set() };
    const entry = { logged };
    group.held.set(key, holding);
    holding.open.add(entry);
    const { options, runtime, dispatch: target } = holding.member;
    target.add({
      ...incoming(options, message, { place: `message ${position} of ${options.topic}`, position }, runtime),
      done() {
        holding.open.delete(entry);
        if (holding.open.size === 0 && group.held.get(key) === holding) group.held.delete(key);
      },
    });
  }

  /** Puts the messages that a leaving member did not acknowledge back in front of the later ones. */
  takeBack(group: Group, member: Member): void {
    const undone = new Set<Logged>();
    for (const [key, holding] of group.held) {
      if (holding.member !== member) continue;
      for (const { logged } of holding.open) undone.add(logged);
      group.held.delete(key);
    }
    group.backlog.unshift(...undone);
  }

  /** The messages that a group may still be given. */
  open(topic: string, name: string): readonly Logged[] {
    const { log, groups } = this.topic(topic);
    const group = groups.get(name);
    if (!group) return log;
    return [...group.backlog, ...[...group.held.values()].flatMap((one) => [...one.open].map(({ logged }) => logged))];
  }

  missing({ topics, groups }: Topology): { readonly topics: readonly string[]; readonly groups: readonly Membership[] } {
    return {
      topics: topics.filter((name) => !this.#topics.has(name)),
      groups: groups.filter(({ topic, group }) => !this.#topics.get(topic)?.groups.has(group)),
    };
  }
}

const sentences = ({ topics, groups }: Topology): readonly string[] => [
  ...topics.map((topic) => `create the topic ${topic}`),
  ...groups.map(({ topic, group }) => `register the group ${group} on ${topic}`),
];

/**
 * A bus in memory for tests, lost with the process. As a `log`, the default, it keeps what was published for groups that come later;
 * with `keeps: 'queues'` a group gets what is published once it is registered. `maxBytes` is 16 MiB by default.
 */
export function memory(options: MemoryOptions = {}): MemoryBusDriver {
  checkOptions('memory', options, { duplicates: true, keeps: true, maxBytes: true });
  const { duplicates = 0, keeps = 'log', maxBytes = 16 * 2 ** 20 } = options;
  const features: BusFeatures = { keeps, maxBytes };
  const topics = new Topics(features, duplicates);
  return {
    send: (topic, message) => topics.append(topic, [message], without),
    open: async (runtime) => disposable(memoryBus(topics, features, runtime)),
  };
}

function memoryBus(topics: Topics, features: BusFeatures, runtime: Runtime): Bus {
  const { random } = runtime;
  const mine = new Set<() => Promise<void>>();
  let closed = false;
  const check = (): void => {
    if (closed) throw new BusClosed('the bus is closed: neither publish nor subscribe after `close`');
  };
  /** Waits for a random time, so that keys overtake each other as they do over a network. */
  async function overtaken(): Promise<void> {
    for (let turns = Math.floor(random.next() * 3); turns > 0; turns--) await macrotask();
  }

  const bus: Bus = {
    features,
    async publish(topic, envelopes) {
      check();
      const messages = written(topic, envelopes, features).map(({ text: body }) => ({ body }));
      runtime.reached('bus/append/before');
      topics.append(topic, messages, random);
      runtime.reached('bus/append/after');
    },
    async subscribe(given) {
      check();
      const { handle, unreadable, ...rest } = checkedOptions(given);
      const options: Subscribing = {
        ...rest,
        async handle(envelope, delivery) {
          await overtaken();
          return handle(envelope, delivery);
        },
        unreadable,
      };
      const group = topics.register(options);
      const member: Member = { options, runtime, dispatch: dispatch(options, runtime) };
      group.members.push(member);
      topics.feed(group, random);
      const close = async (signal?: AbortSignal): Promise<void> => {
        const index = group.members.indexOf(member);
        if (index >= 0) group.members.splice(index, 1);
        await member.dispatch.close(signal);
        topics.takeBack(group, member);
        topics.feed(group, random);
        mine.delete(close);
      };
      mine.add(close);
      return { close };
    },
    async plan(topology) {
      check();
      return sentences({ ...topology, ...topics.missing(topology) });
    },
    async apply(topology) {
      check();
      const missing = topics.missing(topology);
      for (const topic of missing.topics) topics.topic(topic);
      for (const group of missing.groups) topics.register(group);
      return sentences(missing);
    },
    verify: (topology) => verifyByPlan(bus, topology),
    condition: () => well,
    async pending(topic, group, positions) {
      check();
      const open = new Set(topics.open(topic, group).map(({ position }) => position));
      return new Set(positions.filter((position) => open.has(position)));
    },
    async close() {
      closed = true;
      await Promise.all([...mine].map((close) => close()));
    },
  };
  return bus;
}
