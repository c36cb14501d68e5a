import { type Runtime, runtime } from '../core/runtime.ts';
import { seededRandom, type VirtualClock, virtualClock } from '../testing/clock.ts';
import { type Breaker, breaker } from './breaker.ts';
import { type Policy, policyOn } from './policy.ts';
import type { BreakerOptions } from './settings.ts';

export interface VirtualRuntime {
  readonly clock: VirtualClock;
  readonly rt: Runtime;
}
export const virtualRuntime = (seed = 1): VirtualRuntime => {
  const clock = virtualClock();
  return { clock, rt: runtime({ clock, random: seededRandom(seed) }) };
};

/** Calls of work that the test settles by hand. */
interface Held {
  readonly work: () => Promise<string>;
  succeed(index?: number): void;
  fail(index?: number): void;
  readonly begun: number;
}
export function held(): Held {
  const open: { resolve: (value: string) => void; reject: (error: unknown) => void }[] = [];
  return {
    work: () => new Promise((resolve, reject) => void open.push({ resolve, reject })),
    succeed: (index = open.length - 1) => open[index]?.resolve('done'),
    fail: (index = open.length - 1) => open[index]?.reject(new Error('failed')),
    get begun() {
      return open.length;
    },
  };
}

export const boom = (): Promise<never> => Promise.reject(new Error('boom'));
export const fine = (): Promise<string> => Promise.resolve('fine');
export const quietly = (promise: Promise<unknown>): Promise<unknown> => promise.catch((error: unknown) => error);
export const ticks = async (): Promise<void> => {
  for (let round = 0; round < 5; round++) await new Promise((resolve) => setImmediate(resolve));
};

/** Makes a breaker that two failures have opened for 10 s. */
export async function opened(options: BreakerOptions = {}): Promise<VirtualRuntime & { readonly health: Breaker; readonly guard: Policy }> {
  const { clock, rt } = virtualRuntime();
  const health = breaker({ runtime: rt, failures: 2, openFor: '10s', ...options });
  const guard = policyOn(rt, health);
  await quietly(guard(boom));
  await quietly(guard(boom));
  return { clock, rt, health, guard };
}
