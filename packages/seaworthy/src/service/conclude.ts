import type { Answer } from '../contract/answer.ts';
import type { At, Operation } from '../contract/contract.ts';
import { scope } from '../core/abort.ts';
import { copied } from '../core/copy.ts';
import { DeadlineExceeded } from '../core/deadline.ts';
import type { Span } from '../core/observe.ts';
import { transaction } from '../store/traced.ts';
import { nameOf } from './answer.ts';
import { answerOnce, changing } from './command.ts';
import { KeyInProgress } from './errors.ts';
import { type AnyExternal, patienceMs } from './handler.ts';
import type { ExternalParts } from './intend.ts';
import { type Intent, markOf, settle } from './intent.ts';
import { type Unit, unit } from './unit.ts';

/** The second transaction: outcome, events and answer; the intent is no more. */
export async function conclude(
  parts: ExternalParts,
  { operation, handler }: { readonly operation: Operation & At; readonly handler: AnyExternal },
  intent: Intent,
  outcome: unknown,
  cut: AbortSignal,
): Promise<Answer> {
  const { store, owner, runtime } = parts;
  const { clock } = runtime;
  const late = (): unknown =>
    new DeadlineExceeded(`what came of ${markOf(intent)} was not written within ${handler.timeout ?? '30s'}: it is rolled back`);
  // What took too long is not run again at once, even if the store saw a conflict meanwhile.
  const over = new AbortController();
  let work: Unit | undefined;
  const { trace } = intent;
  const conclusion = async (tx: unknown, span: Span): Promise<Answer> => {
    work = undefined;
    const own = store.sql(tx);
    if (!(await settle(own, intent, owner.id)))
      throw new KeyInProgress(`${markOf(intent)} was taken over by another worker`, { retryAfterMs: 1000 });
    const fresh = unit(parts, tx, trace, `\`after\` of ${nameOf(operation)}`);
    const seen = { intent: copied(intent.intent) as never, outcome: copied(outcome) as never };
    const context = { ...changing(parts, fresh, intent.input, trace), ...seen };
    // From when it begins: the wait for its turn says nothing about it.
    const within = scope({ clock, parents: [cut], timeout: { ms: patienceMs(handler), reason: late } });
    try {
      const result = await answerOnce({ operation, call: intent, own, work: fresh, now: context.now }, () =>
        within.race(span.run(() => Promise.resolve(handler.after(context)))),
      );
      work = fresh;
      return result;
    } catch (error) {
      if (within.aborted) over.abort(within.signal.reason);
      throw error;
    } finally {
      within.end();
    }
  };
  const answer = await transaction(parts, intent, conclusion, { signal: over.signal });
  work?.committed();
  return answer;
}
