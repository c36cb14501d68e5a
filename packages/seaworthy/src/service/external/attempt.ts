import { type Scope, scope } from '../../core/abort.ts';
import { copied } from '../../core/copy.ts';
import { DeadlineExceeded } from '../../core/deadline.ts';
import type { Runtime } from '../../core/runtime.ts';
import { readable } from '../../core/thrown.ts';
import { nameOf } from '../answer.ts';
import type { ExternalContext } from '../context.ts';
import { timeoutMs } from '../handler.ts';
import { type Intent, markOf } from './intent-table.ts';
import type { ExternalCommand } from './prepare.ts';

/**
 * Runs `do` once, without a transaction, and returns its outcome. `stop` aborts it when the process goes down, which is not a failure
 * of the run. Throws what `do` throws, `DeadlineExceeded` after its timeout, and the reason of `stop`.
 */
export async function attempt(
  { clock, ids, observe }: Runtime,
  { operation, handler }: ExternalCommand,
  intent: Intent,
  stop: Scope,
): Promise<unknown> {
  const options = { kind: 'client', root: true, parent: intent.trace } as const;
  const span = observe.span('seaworthy_external_do', { operation: nameOf(operation) }, options);
  const late = (): unknown => new DeadlineExceeded(`\`do\` of ${markOf(intent)} gave no outcome within ${handler.timeout ?? '30s'}`);
  const within = scope({ clock, parents: [stop], timeout: { ms: timeoutMs(handler), reason: late } });
  const context: ExternalContext<unknown, unknown> = {
    ...intent,
    // A crash would lose what `do` changes in them, so `after` never sees it.
    input: copied(intent.input),
    intent: copied(intent.intent),
    now: clock.now(),
    newId: ids.next,
    trace: span.trace,
    signal: within.signal,
  };
  try {
    const outcome = await within.race(span.run(() => Promise.resolve(handler.do(context as ExternalContext<unknown, never>))));
    span.end('done');
    return outcome;
  } catch (thrown) {
    const error = readable(thrown);
    if (stop.aborted) span.end('cut');
    else span.end('unknown', error);
    throw error;
  } finally {
    within.end();
  }
}
