import type { Answer } from '../../contract/answer.ts';
import type { At, Operation } from '../../contract/contract.ts';
import { type Scope, scope } from '../../core/abort.ts';
import { copied } from '../../core/copy.ts';
import { DeadlineExceeded } from '../../core/deadline.ts';
import type { Span } from '../../core/observe.ts';
import { nameOf } from '../answer.ts';
import { answerOnce, commandContext } from '../command.ts';
import { KeyInProgress } from '../errors.ts';
import { type AnyExternal, patienceMs } from '../handler.ts';
import { type UnitOfWork, unitOfWork } from '../unit-of-work.ts';
import { type Intent, markOf, settle } from './intent-table.ts';
import type { ExternalParts } from './prepare.ts';

/** The second transaction: outcome, events and answer; the intent is no more. */
export async function complete(
  parts: ExternalParts,
  { operation, handler }: { readonly operation: Operation & At; readonly handler: AnyExternal },
  intent: Intent,
  outcome: unknown,
  stop: Scope,
): Promise<Answer> {
  const { owner, runtime } = parts;
  const late = (): unknown =>
    new DeadlineExceeded(`what came of ${markOf(intent)} was not written within ${handler.timeout ?? '30s'}: it is rolled back`);
  // What took too long is not run again at once, even if the store saw a conflict meanwhile.
  const over = new AbortController();
  const run = { operation, call: intent, name: `\`after\` of ${nameOf(operation)}`, trace: intent.trace };
  const conclusion = async (unit: UnitOfWork, span: Span): Promise<Answer> => {
    if (!(await settle(unit.sql, intent, owner.id)))
      throw new KeyInProgress(`${markOf(intent)} was taken over by another worker`, { retryAfterMs: 1000 });
    // From when it begins: the wait for its turn says nothing about it.
    const within = scope({ clock: runtime.clock, parents: [stop], timeout: { ms: patienceMs(handler), reason: late } });
    try {
      return await answerOnce(unit, run, (given, failing) => {
        const seen = { intent: copied(intent.intent) as never, outcome: copied(outcome) as never };
        const context = { ...commandContext(given, failing, intent.input), ...seen };
        return within.race(span.run(() => Promise.resolve(handler.after(context))));
      });
    } catch (error) {
      if (within.aborted) over.abort(within.signal.reason);
      throw error;
    } finally {
      within.end();
    }
  };
  return unitOfWork(parts, intent, conclusion, { signal: over.signal });
}
