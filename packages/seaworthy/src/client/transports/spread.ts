import { type Duration, milliseconds } from '../../core/duration.ts';
import type { Runtime } from '../../core/runtime.ts';
import { Unreachable } from '../errors.ts';
import type { Transport } from '../transport.ts';

export interface SpreadOptions {
  readonly runtime: Runtime;
  /** How long one that could not be reached is passed over while there are others. Default 1 s. */
  readonly aside?: Duration;
}

/** Spreads attempts over the instances of one service, in turn; those that could not be reached lately come last. */
export function spread(transports: readonly Transport[], { runtime, aside = '1s' }: SpreadOptions): Transport {
  const { clock } = runtime;
  const asideMs = milliseconds(aside, 'aside');
  const instances = transports.map((transport) => ({ transport, until: 0 }));
  let turn = 0;

  function next(): (typeof instances)[number] {
    const now = clock.monotonic();
    for (const _ of instances) {
      const instance = instances[turn++ % instances.length] as (typeof instances)[number];
      if (instance.until <= now) return instance;
    }
    return instances.reduce((soonest, instance) => (instance.until < soonest.until ? instance : soonest));
  }

  return {
    async send(attempt) {
      if (instances.length === 0) throw new Unreachable('the service has no address: give it one');
      const instance = next();
      try {
        return await instance.transport.send(attempt);
      } catch (error) {
        if (error instanceof Unreachable) instance.until = clock.monotonic() + asideMs;
        throw error;
      }
    },
    close: async () => void (await Promise.all(transports.map((transport) => transport.close()))),
  };
}
