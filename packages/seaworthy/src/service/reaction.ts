import type { Subscription } from '../outbox/attempt.ts';
import { nameOf } from './answer.ts';
import type { EventContext } from './context.ts';
import type { Service } from './service.ts';
import { type UnitParts, unit } from './unit.ts';

type Handle = (context: EventContext<unknown, Record<string, never>, unknown>) => unknown;

/** A service's reactions as the inbox runs them: their rows, events and saga starts in the transaction of the mark. */
export function reactions(service: Service, parts: UnitParts): readonly Subscription<unknown>[] {
  const { store, runtime } = parts;
  return service.on.map(({ event, handle }) => ({
    event,
    async handle(tx, data, { trace }) {
      const work = unit(parts, tx, trace, `the handler of ${nameOf(event)} in ${service.contract['~contract']}`);
      const { tx: lent, publish, start, stop } = work;
      const { clock, ids } = runtime;
      const context = { data, tx: lent, publish, start, stop, now: clock.now(), newId: ids.next, trace };
      await work.run(() => (handle as Handle)(context));
      await work.write(store.sql(tx));
      return work.committed;
    },
  }));
}
