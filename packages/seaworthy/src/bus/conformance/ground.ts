import assert from 'node:assert/strict';
import { macrotask } from '../../core/event-loop.ts';
import { type Runtime, runtime } from '../../core/runtime.ts';
import { sleep } from '../../core/sleep.ts';
import type { Bus, BusDriver, Handle } from '../bus.ts';
import { type Envelope, envelope } from '../envelope.ts';
import type { Message } from '../message.ts';

/** A member of a group in a process of its own. */
export interface MemberProcess {
  /** Ends the process at once, as `kill -9` does. */
  kill(): Promise<void>;
}

/** A bus with nothing on it, and what a test may do to its engine. A case whose means are absent is skipped by name. */
export interface Ground {
  readonly driver: BusDriver;
  /** Sends a message as a producer of another kind does. */
  readonly send?: (topic: string, message: Message) => Promise<void> | void;
  /** Whether `send` takes headers, which events in binary mode need. */
  readonly headers?: boolean;
  /** Starts a member in a process of its own, which acknowledges each event and reports its id. */
  readonly member?: (topic: string, group: string, handled: (id: string) => void) => Promise<MemberProcess>;
  /** Stops the engine and starts it again. */
  readonly restart?: () => Promise<void>;
}

export interface Parts {
  readonly runtime?: Partial<Runtime>;
  /** How long the suite waits for something to happen, in milliseconds. Default 30 s. */
  readonly patienceMs?: number;
}

/** What a case gets. */
export interface Setting {
  readonly ground: Ground;
  readonly runtime: Runtime;
  /** Opens one more member of the fleet, with parts of its runtime replaced. It is closed at the end. */
  open(more?: Partial<Runtime>): Promise<Bus>;
  /** Waits until it holds; fails when that takes too long. */
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

/** What a handler saw, in order. */
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

/** Runs one case on fresh ground. Resolves with the name of a feature that the driver lacks. */
export async function runCase(
  ground: Ground,
  { runtime: parts = {}, patienceMs = 30_000 }: Parts,
  { body }: Promised,
): Promise<string | void> {
  const machine = runtime(parts);
  const { clock } = machine;
  const open: Bus[] = [];
  try {
    return await body({
      ground,
      runtime: machine,
      async open(more) {
        const bus = await ground.driver.open(runtime({ ...parts, ...more }));
        open.push(bus);
        return bus;
      },
      async until(what, holds) {
        const limit = clock.monotonic() + patienceMs;
        for (let round = 0; !holds(); round++) {
          if (clock.monotonic() > limit) assert.fail(`it did not happen within ${patienceMs} ms: ${what}`);
          await (round < 100 ? macrotask() : sleep(clock, 2));
        }
      },
    });
  } finally {
    for (const bus of open) await bus.close();
  }
}
