import type { Answer } from '../contract/answer.ts';
import { Lifetime } from '../core/lifetime.ts';
import { fenced } from '../store/fenced.ts';
import { lentRead } from '../store/lent.ts';
import { transaction } from '../store/traced.ts';
import { declaredOf, nameOf, outputOf } from './answer.ts';
import type { Received } from './command.ts';
import type { QueryContext } from './context.ts';
import { failing } from './failing.ts';
import { remoteOf } from './handler.ts';
import { layTombstone } from './tombstone.ts';
import type { UnitDeps } from './unit-of-work.ts';

export type AnyQueryHandler = (context: QueryContext<unknown, Record<string, unknown>, unknown>) => unknown;

/**
 * Runs a query on committed data, or at a third party. A query of an undo lays the tombstone of its step first: the step must not do
 * more after the query was answered. Throws `StepInProgress` while the step has no outcome yet.
 */
export async function runQuery(
  deps: UnitDeps,
  { request: { operation, undoes }, input, signal, span }: Received,
  handler: AnyQueryHandler,
): Promise<Answer> {
  const { store, runtime } = deps;
  if (undoes !== undefined) {
    const waits = await transaction(deps, span, (tx) => layTombstone(store.sql(tx), undoes, runtime.clock.now()), { ...fenced, signal });
    if (waits) throw waits;
  }
  const begun = { now: runtime.clock.now(), newId: runtime.ids.next, trace: span.trace };
  const life = new Lifetime(`the handler of ${nameOf(operation)}`, runtime.observe);
  const { fail, verify } = failing(life, () => undefined);
  const read = lentRead(store, life, signal);
  try {
    const remote = remoteOf(handler);
    const handle = (): unknown => (remote ? remote({ input, fail, signal, ...begun }) : handler({ input, read, fail, ...begun }));
    return await outputOf(operation, await life.run(() => span.run(handle), verify));
  } catch (error) {
    return declaredOf(operation, error);
  }
}
