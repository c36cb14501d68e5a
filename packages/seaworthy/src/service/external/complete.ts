import type { Answer } from '../../contract/answer.ts';
import type { Bound, Operation } from '../../contract/contract.ts';
import { type Scope, scope } from '../../core/abort.ts';
import { copied } from '../../core/copy.ts';
import { DeadlineExceeded } from '../../core/deadline.ts';
import type { Span } from '../../core/observe.ts';
import { unrepeated } from '../../store/unrepeated.ts';
import { nameOf } from '../answer.ts';
import { answerOnce, commandContext } from '../command.ts';
import { KeyInProgress } from '../errors.ts';
import { type AnyExternal, timeoutMs } from '../handler.ts';
import { type UnitOfWork, unitOfWork } from '../unit-of-work.ts';
import { type Intent, markOf, removeIntent } from './intent-table.ts';
import type { ExternalDeps } from './prepare.ts';

/** Runs the second transaction of an external command: it commits outcome, events and answer, and deletes the intent. */
export async function complete(
  deps: ExternalDeps,
  { operation, handler }: { readonly operation: Operation & Bound; readonly handler: AnyExternal },
  intent: Intent,
  outcome: unknown,
  stop: Scope,
): Promise<Answer> {
  const { owner, runtime } = deps;
  const late = (): unknown =>
    new DeadlineExceeded(`\`after\` of ${markOf(intent)} took longer than ${handler.timeout ?? '30s'} and is rolled back`);
  let time: Scope | undefined;
  const run = { operation, call: intent, name: `\`after\` of ${nameOf(operation)}`, trace: intent.trace };
  const work = async (unit: UnitOfWork, span: Span): Promise<Answer> => {
    if (!(await removeIntent(unit.sql, intent, owner.id)))
      throw new KeyInProgress(`${markOf(intent)} was taken over by another process: repeat the call after a while`, { retryAfterMs: 1000 });
    // Its time begins here: the wait for the transaction does not count.
    const within = scope({ clock: runtime.clock, parents: [stop], timeout: { ms: timeoutMs(handler), reason: late } });
    time = within;
    try {
      return await answerOnce(unit, run, (given, failing) => {
        const seen = { intent: copied(intent.intent) as never, outcome: copied(outcome) as never };
        const context = { ...commandContext(given, failing, intent.input), ...seen };
        return within.race(span.run(() => Promise.resolve(handler.after(context))));
      });
    } finally {
      within.end();
    }
  };
  // A run that took too long is not repeated at once.
  const once = unrepeated(work, () => time?.reason);
  return unitOfWork(deps, intent, once.work, { signal: once.signal });
}
