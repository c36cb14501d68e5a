import type { Answer } from '../contract/answer.ts';
import { Lifetime } from '../core/lifetime.ts';
import { lentRead } from '../store/lent.ts';
import { transaction } from '../store/traced.ts';
import { declaredOf, nameOf, outputOf } from './answer.ts';
import type { Received } from './command.ts';
import type { QueryContext } from './context.ts';
import { failing } from './failing.ts';
import { remoteOf } from './handler.ts';
import { bury } from './tombstone.ts';
import type { UnitParts } from './unit-of-work.ts';

export type AnyQueryHandler = (context: QueryContext<unknown, Record<string, unknown>, unknown>) => unknown;

/**
 * Runs a query: on what is committed, or, for a remote one, at a third party. An undo that asks before it acts must not be told
 * of less than what its step has done in the end, so it leaves its tombstone with the question already.
 */
export async function runQuery(
  parts: UnitParts,
  { attempt: { operation, undoes }, input, signal, span }: Received,
  handler: AnyQueryHandler,
): Promise<Answer> {
  const { store, runtime } = parts;
  if (undoes !== undefined) {
    const waits = await transaction(parts, span, (tx) => bury(store.sql(tx), undoes, runtime.clock.now()), { signal });
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
