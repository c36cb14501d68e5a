// A bus driver of one's own: queues in the memory of one process.
import { type Bus, BusClosed, type BusDriver, type BusFeatures, type Membership, type Topology } from 'seaworthy/bus';
import {
  checkedOptions,
  type Dispatch,
  dispatch,
  incoming,
  keyHash,
  type Message,
  orderingKey,
  type Subscribing,
  verifyByPlan,
  well,
  written,
} from 'seaworthy/bus/driver-kit';
import type { Runtime } from 'seaworthy/core';

interface Entry {
  readonly message: Message;
  readonly key: string;
  readonly position: string;
}

interface Member {
  readonly options: Subscribing;
  readonly runtime: Runtime;
  readonly handlers: Dispatch;
  /** What it has in flight or queued, in order. */
  readonly open: Set<Entry>;
}

interface Queue {
  readonly waiting: Entry[];
  readonly members: Member[];
}

const features: BusFeatures = { keeps: 'queues', maxBytes: 2 ** 20 };

/** The topics of one engine, each with the queues of its groups. */
class Engine {
  readonly topics = new Map<string, Map<string, Queue>>();
  #position = 0;

  append(topic: string, messages: readonly Message[]): void {
    const entries = messages.map((message): Entry => {
      const position = String(++this.#position);
      return { message, position, key: orderingKey(topic, message, position) };
    });
    for (const queue of this.topic(topic).values()) {
      queue.waiting.push(...entries);
      this.feed(queue);
    }
  }

  topic(name: string): Map<string, Queue> {
    const queues = this.topics.get(name) ?? new Map<string, Queue>();
    this.topics.set(name, queues);
    return queues;
  }

  queue({ topic, group }: Membership): Queue {
    const queues = this.topic(topic);
    const queue = queues.get(group) ?? { waiting: [], members: [] };
    queues.set(group, queue);
    return queue;
  }

  /** Gives each entry to the member that has its key; a key that no member has goes to one of them by its hash. */
  feed({ waiting, members }: Queue): void {
    if (members.length === 0) return;
    for (const entry of waiting.splice(0)) {
      const holder = members.find(({ open }) => [...open].some(({ key }) => key === entry.key));
      const { options, runtime, handlers, open } = holder ?? (members[keyHash(entry.key) % members.length] as Member);
      const place = `message ${entry.position} of ${options.topic}`;
      open.add(entry);
      handlers.add({
        ...incoming(options, entry.message, { place, position: entry.position }, runtime),
        done: () => void open.delete(entry),
      });
    }
  }

  missing({ topics, groups }: Topology): readonly (readonly [sentence: string, make: () => void])[] {
    return [
      ...topics.filter((name) => !this.topics.has(name)).map((name) => [`create the topic ${name}`, () => void this.topic(name)] as const),
      ...groups
        .filter(({ topic, group }) => !this.topics.get(topic)?.has(group))
        .map((one) => [`register the group ${one.group} on ${one.topic}`, () => void this.queue(one)] as const),
    ];
  }
}

export interface QueuesDriver extends BusDriver {
  /** Puts a message into a topic as it is. */
  send(topic: string, message: Message): void;
}

export function queues(): QueuesDriver {
  const engine = new Engine();
  return { send: (topic, message) => engine.append(topic, [message]), open: async (runtime) => open(engine, runtime) };
}

function open(engine: Engine, runtime: Runtime): Bus {
  const closing = new Set<(signal?: AbortSignal) => Promise<void>>();
  let closed = false;
  const check = (): void => {
    if (closed) throw new BusClosed('the bus is closed: neither publish nor subscribe after `close`');
  };
  const bus: Bus = {
    features,
    async publish(topic, envelopes) {
      check();
      const messages = written(topic, envelopes, features).map(({ text: body }) => ({ body }));
      runtime.reached('bus/append/before');
      engine.append(topic, messages);
      runtime.reached('bus/append/after');
    },
    async subscribe(given) {
      check();
      const options = checkedOptions(given);
      const queue = engine.queue(options);
      const member: Member = { options, runtime, handlers: dispatch(options, runtime), open: new Set() };
      queue.members.push(member);
      engine.feed(queue);
      async function close(signal?: AbortSignal): Promise<void> {
        if (!closing.delete(close)) return;
        await member.handlers.close(signal);
        queue.members.splice(queue.members.indexOf(member), 1);
        queue.waiting.unshift(...member.open);
        engine.feed(queue);
      }
      closing.add(close);
      return { close };
    },
    async plan(topology) {
      check();
      return engine.missing(topology).map(([sentence]) => sentence);
    },
    async apply(topology) {
      check();
      return engine.missing(topology).map(([sentence, make]) => {
        make();
        return sentence;
      });
    },
    verify: (topology) => verifyByPlan(bus, topology),
    condition: () => well,
    async pending(topic, group, positions) {
      check();
      const { waiting, members } = engine.queue({ topic, group });
      const open = new Set([...waiting, ...members.flatMap((one) => [...one.open])].map(({ position }) => position));
      return new Set(positions.filter((position) => open.has(position)));
    },
    async close() {
      closed = true;
      await Promise.all([...closing].map((close) => close()));
    },
  };
  return bus;
}
