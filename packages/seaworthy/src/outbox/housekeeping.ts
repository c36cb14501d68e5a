import type { Runtime } from '../core/runtime.ts';
import type { Store } from '../store/store.ts';
import { forgetMarks } from './inbox.ts';
import { type Loop, loop } from './loop.ts';

const everyMs = 10_000;
const marksAtOnce = 500;

interface Parts {
  readonly store: Store<unknown, unknown>;
  readonly runtime: Runtime;
  readonly service: string;
  readonly rememberMs: number;
}

/** Forgets old inbox marks, a small transaction at a time, and counts what is parked and dead for the gauges. */
export function housekeeping({ store, runtime, service, rememberMs }: Parts): Loop {
  const { clock, observe } = runtime;
  const attributes = { service };
  let parked = 0;
  let dead = 0;

  const count = async (table: string): Promise<number> =>
    Number((await store.ownRead.all(`select count(*) as n from ${table} where consumer = ?`, service))[0]?.['n']);

  const removals = [
    observe.gauge('seaworthy_inbox_parked', attributes, () => parked),
    observe.gauge('seaworthy_inbox_dead_letters', attributes, () => dead),
  ];
  const turns = loop({
    runtime,
    name: 'housekeeping',
    async turn() {
      parked = await count('sw_parked');
      dead = await count('sw_dead_letter');
      const more = await forgetMarks(store, clock.now() - rememberMs, marksAtOnce);
      return more ? 0 : everyMs;
    },
  });
  return {
    wake: turns.wake,
    stop() {
      for (const remove of removals) remove();
      return turns.stop();
    },
  };
}
