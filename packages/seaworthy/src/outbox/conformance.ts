import { aside } from './conformance/aside.ts';
import { crashing } from './conformance/crashing.ts';
import { handling } from './conformance/handling.ts';
import { interrupting } from './conformance/interrupting.ts';
import { keeping } from './conformance/keeping.ts';
import { parking } from './conformance/parking.ts';
import { racing } from './conformance/racing.ts';
import { sending } from './conformance/sending.ts';
import { type Ground, type Time, world } from './conformance/world.ts';

/** One promise of outbox and inbox, and how to see it kept. */
export interface Case {
  readonly name: string;
  readonly run: () => Promise<void>;
}

export type { Ground, Time } from './conformance/world.ts';

/** The suite of outbox, relay and inbox over a store and a bus. `fresh` gives an empty ground at each call. */
export function conformance(fresh: () => Ground, time: () => Time): readonly Case[] {
  return [...sending, ...handling, ...interrupting, ...parking, ...racing, ...keeping, ...aside].map(({ name, body }) => ({
    name,
    async run() {
      const one = world(fresh(), time());
      try {
        await body(one);
      } finally {
        await one.end();
      }
    },
  }));
}

/** The part of the suite that lets a process die at each of its steps in turn, or at every `every`th of them. */
export function crashConformance(fresh: () => Ground, time: () => Time, every = 1): readonly Case[] {
  return crashing.map(({ name, body }) => ({ name, run: () => body({ fresh: () => world(fresh(), time()), every }) }));
}
