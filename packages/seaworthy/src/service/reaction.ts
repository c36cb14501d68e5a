import type { Subscription } from '../outbox/attempt.ts';
import { nameOf } from './answer.ts';
import type { EventContext } from './context.ts';
import type { Service } from './service.ts';
import { type UnitDeps, UnitOfWork } from './unit-of-work.ts';

type Handle = (context: EventContext<unknown, string, Record<string, never>, unknown>) => unknown;

const ignored = (): void => {};

/** Returns a service's reactions as the inbox runs them: their rows, events and saga starts are in the transaction of the inbox's mark. */
export const reactions = (service: Service, deps: UnitDeps): readonly Subscription<unknown>[] =>
  service.on.map(({ event, handle }) => {
    const name = `the handler of ${nameOf(event)} in ${service.contract['~contract']}`;
    return {
      event,
      async handle(tx, data, { trace }) {
        const unit = new UnitOfWork(deps, tx);
        await unit.run({ name, trace }, (given) => (handle as Handle)({ ...given, data }), ignored);
        return () => unit.committed();
      },
    };
  });
