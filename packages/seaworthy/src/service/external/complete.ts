import type { Answer } from '../../contract/answer.ts';
import type { Bound, Operation } from '../../contract/contract.ts';
import { type Scope, scope } from '../../core/abort.ts';
import { copied } from '../../core/copy.ts';
import { DeadlineExceeded } from '../../core/deadline.ts';
import type { Span } from '../../core/observe.ts';
import { runTime } from '../../core/run-time.ts';
import { fenced } from '../../store/fenced.ts';
import type { Tx } from '../../store/store.ts';
import { transaction } from '../../store/traced.ts';
import { unrepeated } from '../../store/unrepeated.ts';
import { answerOf, declaredOf, nameOf } from '../answer.ts';
import { commandContext, isDeclared } from '../command.ts';
import { KeyInProgress } from '../errors.ts';
import type { Failing } from '../failing.ts';
import { type AnyExternal, timeoutMs } from '../handler.ts';
import { recordOutcome } from '../idempotency.ts';
import { type Given, type UnitOfWork, unitOfWork } from '../unit-of-work.ts';
import { type Intent, markOf, removeIntent } from './intent-table.ts';
import type { ExternalDeps } from './prepare.ts';

/**
 * Runs the second transaction of an external command: it commits outcome, events and answer, and deletes the intent. A declared error
 * that `after` throws rolls it back, and is recorded in another transaction.
 */
export async function complete(
  deps: ExternalDeps,
  { operation, handler }: { readonly operation: Operation & Bound; readonly handler: AnyExternal },
  intent: Intent,
  outcome: unknown,
  stop: Scope,
): Promise<Answer> {
  const { owner, runtime, store } = deps;
  const late = (): unknown =>
    new DeadlineExceeded(`\`after\` of ${markOf(intent)} took longer than ${handler.timeout ?? '30s'} and is rolled back`);
  // The wait for the transaction does not count.
  const timeOfRun = runTime(runtime.clock, timeoutMs(handler));
  let time: Scope | undefined;

  /** Ends the intent, which only its owner may do. */
  async function end(sql: Tx): Promise<void> {
    if (await removeIntent(sql, intent, owner.id)) return;
    throw new KeyInProgress(`${markOf(intent)} was taken over by another process: repeat the call after a while`, { retryAfterMs: 1000 });
  }

  async function work(unit: UnitOfWork, span: Span): Promise<Answer> {
    await end(unit.sql);
    const within = scope({ clock: runtime.clock, parents: [stop], timeout: { ms: timeOfRun().ms, reason: late } });
    time = within;
    const run = { name: `\`after\` of ${nameOf(operation)}`, trace: intent.trace };
    const handle = (given: Given, failing: Failing): Promise<unknown> => {
      const seen = { intent: copied(intent.intent) as never, outcome: copied(outcome) as never };
      const context = { ...commandContext(given, failing, intent.input), ...seen };
      return within.race(span.run(() => Promise.resolve(handler.after(context))));
    };
    try {
      const answer = await unit.run(run, handle, (returned) => answerOf(operation, returned));
      recordOutcome(unit.sql, intent, answer, unit.now);
      return answer;
    } finally {
      within.end();
    }
  }

  // A run that took too long is not repeated at once.
  const once = unrepeated(work, () => time?.reason);
  try {
    return await unitOfWork(deps, intent, once.work, { signal: once.signal, usual: isDeclared });
  } catch (error) {
    const answer = await declaredOf(operation, error);
    const write = async (tx: unknown): Promise<void> => {
      const sql = store.sql(tx);
      await end(sql);
      recordOutcome(sql, intent, answer, runtime.clock.now());
    };
    await transaction(deps, intent, write, fenced);
    return answer;
  }
}
