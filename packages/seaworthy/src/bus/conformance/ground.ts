import assert from 'node:assert/strict';
import { type Duration, milliseconds } from '../../core/duration.ts';
import { macrotask } from '../../core/event-loop.ts';
import { type Runtime, runtime } from '../../core/runtime.ts';
import { sleep } from '../../core/sleep.ts';
import type { Bus, BusDriver, Handle, Subscription } from '../bus.ts';
import { type Envelope, envelope } from '../envelope.ts';
import type { Message } from '../message.ts';

/** A member of a group in a process of its own. */
export interface MemberProcess {
  /** Ends the process at once, as `kill -9` does. */
  kill(): Promise<void>;
}

/** A bus with nothing on it, and what a test may do to its engine. A case whose means are absent is skipped with their name. */
export interface Ground {
  readonly driver: BusDriver;
  /** Frees what the ground holds, such as a topic or a folder. The suite calls it once the case is over and its buses are closed. */
  readonly end?: () => Promise<void>;
  /** Sends a message as a producer of another kind does. */
  readonly send?: (topic: string, message: Message) => Promise<void> | void;
  /** Whether `send` takes headers, which events in binary mode need. */
  readonly headers?: boolean;
  /** Starts a member in a process of its own, which acknowledges each event and reports its id. Resolves once it has subscribed. */
  readonly member?: (topic: string, group: string, handled: (id: string) => void) => Promise<MemberProcess>;
  /** Stops the engine and starts it again. Resolves once it is back. */
  readonly restart?: () => Promise<void>;
  /**
   * How long a case waits while no new event arrives before it fails: longer than the engine ever needs to hand an event to another
   * member. A case fails after ten times that in any case. Default 30 s.
   */
  readonly patience?: Duration;
}

export interface SuiteOptions {
  /** Replaces parts of the runtime, such as the randomness. */
  readonly runtime?: Partial<Runtime>;
}

/** The means of one case. */
export interface Setting {
  readonly ground: Ground;
  readonly runtime: Runtime;
  /** Opens one more member of the fleet, with parts of its runtime replaced. It is closed at the end. */
  open(more?: Partial<Runtime>): Promise<Bus>;
  /** Starts a member in a process of its own, which is killed at the end. Absent where the ground has none. */
  readonly member: Ground['member'];
  /** Waits until the condition holds. Fails when the patience of the ground is over. */
  until(what: string, holds: () => boolean): Promise<void>;
}

/** One promise of the port, and how to see it kept. */
export interface Promised {
  readonly name: string;
  /** Resolves with the name of a feature that the driver lacks when the case does not concern it. */
  readonly body: (setting: Setting) => Promise<string | void>;
}

export const topic = 'orders';

export const event = (key: string, n: number, data: unknown = { key, n }): Envelope =>
  envelope({ id: `${key}/${n}`, service: topic, event: 'placed', key, now: 0, data });

export const batch = (keys: readonly string[], from: number, to: number): Envelope[] =>
  Array.from({ length: to - from }, (_, index) => keys.map((key) => event(key, from + index))).flat();

export const upTo = (n: number): readonly number[] => Array.from({ length: n }, (_, index) => index);
export const keysOf = (n: number): readonly string[] => upTo(n).map((index) => `key${index}`);

/** The events that a handler saw, in their order. */
export interface Seen {
  readonly handle: Handle;
  readonly ids: string[];
  readonly distinct: number;
  /** First arrivals of a key, in their order. */
  of(key: string): readonly number[];
}

export function seen(before: (envelope: Envelope) => void | Promise<void> = () => {}): Seen {
  const ids: string[] = [];
  return {
    ids,
    async handle(one) {
      await before(one);
      ids.push(one.id);
    },
    get distinct() {
      return new Set(ids).size;
    },
    of: (key) => [...new Set(ids.filter((id) => id.startsWith(`${key}/`)))].map((id) => Number(id.split('/')[1])),
  };
}

/** A stall of this process longer than this counts as this: it says nothing about the bus. */
const stallMs = 100;

/** Returns the bus, which reports each event that arrives and each subscription that opens. */
const watched = (bus: Bus, arrives: (group: string, id: string) => void, opened: (subscription: Subscription) => void): Bus => ({
  features: bus.features,
  publish: (topic, envelopes) => bus.publish(topic, envelopes),
  async subscribe({ handle, ...options }) {
    const subscription = await bus.subscribe({
      ...options,
      handle(envelope, delivery) {
        arrives(options.group, envelope.id);
        return handle(envelope, delivery);
      },
    });
    opened(subscription);
    return subscription;
  },
  plan: (topology) => bus.plan(topology),
  apply: (topology) => bus.apply(topology),
  verify: (topology) => bus.verify(topology),
  condition: () => bus.condition(),
  pending: (topic, group, positions) => bus.pending(topic, group, positions),
  close: () => bus.close(),
});

/** Runs one case on fresh ground. Resolves with the name of a feature that the driver lacks. */
export async function runCase(ground: Ground, { runtime: parts = {} }: SuiteOptions, { body }: Promised): Promise<string | void> {
  const { patience = '30s', member } = ground;
  const patienceMs = milliseconds(patience, 'patience');
  const machine = runtime(parts);
  const { clock } = machine;
  const buses: Bus[] = [];
  const subscriptions: Subscription[] = [];
  const processes: MemberProcess[] = [];
  const arrived = new Set<string>();
  const arrives = (group: string, id: string): void => void arrived.add(JSON.stringify([group, id]));
  const begunAt = clock.monotonic();

  const setting: Setting = {
    ground,
    runtime: machine,
    async open(more) {
      const bus = await ground.driver.open(runtime({ ...parts, ...more }));
      buses.push(bus);
      return watched(bus, arrives, (one) => subscriptions.push(one));
    },
    member:
      member &&
      (async (topic, group, handled) => {
        const process = await member(topic, group, (id) => {
          arrives(group, id);
          handled(id);
        });
        processes.push(process);
        return process;
      }),
    async until(what, holds) {
      let [idleMs, at, events] = [0, clock.monotonic(), arrived.size];
      for (let round = 0; !holds(); round++) {
        await (round < 100 ? macrotask() : sleep(clock, 2));
        const now = clock.monotonic();
        idleMs = arrived.size > events ? 0 : idleMs + Math.min(now - at, stallMs);
        [at, events] = [now, arrived.size];
        if (idleMs > patienceMs) assert.fail(`nothing arrived for ${patienceMs} ms before this happened: ${what}`);
        if (now - begunAt > 10 * patienceMs) assert.fail(`${10 * patienceMs} ms were not enough for this to happen: ${what}`);
      }
    },
  };

  async function end(): Promise<void> {
    await Promise.all(processes.map((one) => one.kill()));
    await Promise.all(buses.map((bus) => bus.close()));
  }
  try {
    const lacks = await body(setting);
    await end();
    return lacks;
  } catch (error) {
    // After a failure a handler may hang: it is cut short, and whatever hangs all the same does not hide the failure.
    const cut = AbortSignal.abort(new Error('the case failed'));
    const ended = Promise.all(subscriptions.map((one) => one.close(cut))).then(end);
    const waiting = new AbortController();
    await Promise.race([ended, sleep(clock, patienceMs, waiting.signal)]).catch(() => {});
    waiting.abort();
    throw error;
  }
}
