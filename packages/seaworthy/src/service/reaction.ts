import type { Runtime } from '../core/runtime.ts';
import type { Subscription } from '../outbox/attempt.ts';
import type { Store } from '../store/store.ts';
import type { EventContext } from './context.ts';
import type { Service } from './service.ts';
import { type Collectors, unit } from './unit.ts';

type Handle = (context: EventContext<unknown, Record<string, never>, unknown>) => unknown;

/** A service's reactions as the inbox runs them: their rows, events and saga starts in the transaction of the mark. */
export function reactions(
  service: Service,
  store: Store<unknown, unknown>,
  runtime: Runtime,
  collectors: Collectors,
): readonly Subscription<unknown>[] {
  return service.on.map(({ event, handle }) => ({
    event,
    async handle(tx, data, { trace }) {
      const work = unit(collectors, tx, trace);
      const { publish, start, stop } = work;
      await (handle as Handle)({ data, tx, publish, start, stop, now: runtime.clock.now(), newId: runtime.ids.next, trace });
      await work.write(store.own(tx));
      return work.committed;
    },
  }));
}
