import type { Answer } from '../../contract/answer.ts';
import type { Bound, Operation } from '../../contract/contract.ts';
import { isA } from '../../core/thrown.ts';
import type { Alone } from '../../outbox/suspects.ts';
import { fenced } from '../../store/fenced.ts';
import { answerOf, nameOf, outputJson } from '../answer.ts';
import { commandContext, type Received, underKey } from '../command.ts';
import { KeyInProgress } from '../errors.ts';
import { type AnyExternal, timeoutMs } from '../handler.ts';
import { record } from '../idempotency.ts';
import { Refusal } from '../refusal.ts';
import type { UnitDeps, UnitOfWork } from '../unit-of-work.ts';
import { type Intent, insertIntent, isSuspect, markOf, type Owner, openIntent, takeOver } from './intent-table.ts';

/** An external command that this code has. */
export interface ExternalCommand {
  readonly operation: Operation & Bound;
  readonly handler: AnyExternal;
}

/** What the external commands of one service need to run. */
export interface ExternalDeps extends UnitDeps {
  readonly owner: Owner;
  /** The turn of this process for work that may kill it: one at a time. */
  readonly alone: Alone;
  /** The external commands of this code, by name. */
  readonly commands: ReadonlyMap<string, ExternalCommand>;
}

type Prepared = { readonly answer: Answer } | { readonly intent: Intent };

/** Runs the first transaction of an external command. Returns the recorded answer, or an intent that this worker drives from now on. */
export async function prepare(deps: ExternalDeps, call: Received, handler: AnyExternal): Promise<Prepared> {
  const { owner, runtime } = deps;
  // After one run of `do` and one of `after` at their longest, the intent is free for another run.
  const due = (): number => runtime.clock.now() + 2 * timeoutMs(handler);
  const result = await underKey<Prepared>(deps, call, {
    async work(unit) {
      const intended = await before(unit, call, handler);
      record(unit.sql, call, 'answer' in intended ? intended.answer : undefined, unit.now);
      if ('intent' in intended) insertIntent(unit.sql, intended.intent, owner.id, due());
      return intended;
    },
    async resume() {
      const intent = await resume(deps, call, due());
      return intent && { intent };
    },
  });
  return 'kind' in result ? { answer: result } : result;
}

/**
 * Takes over the intent of an earlier call under the same key. Returns `undefined` when it has an outcome by now, or another process was
 * first. Throws `KeyInProgress` when another worker drives it, or a suspect's turn has to come.
 */
async function resume({ store, owner }: ExternalDeps, call: Received, due: number): Promise<Intent | undefined> {
  const open = await openIntent(store.sqlRead.withSignal(call.signal), call, owner);
  if (!open) return undefined;
  if (!open.free)
    throw new KeyInProgress(`${markOf(call)} is still in progress in another process: repeat the call after a while`, {
      retryAfterMs: 1000,
    });
  // The driver runs a suspect alone.
  if (isSuspect(open.crashes))
    throw new KeyInProgress(`${markOf(call)} may be what kills its processes, and runs alone: repeat the call after a while`, {
      retryAfterMs: 5000,
    });
  const options = { ...fenced, signal: call.signal };
  return (await store.transaction((tx) => takeOver(store.sql(tx), open, owner, due), options)) ? open.intent : undefined;
}

/** Runs `before`. Returns its intent, or the answer to record when it refuses. */
async function before(unit: UnitOfWork, call: Received, handler: AnyExternal): Promise<Prepared> {
  const { operation } = call.request;
  const { span, input } = call;
  const name = nameOf(operation);
  const run = { name: `\`before\` of ${name}`, trace: span.trace };
  const intended = async (returned: unknown): Promise<Prepared> => {
    if (isA(returned, Refusal)) return { answer: await answerOf(operation, returned) };
    // They are read from JSON at once, so that `do` and `after` see the same before and after a crash.
    const read = {
      input: outputJson(input, `the validated input of ${name}`),
      intent: outputJson(returned ?? null, `the intent of ${name}`),
    };
    const { key, fingerprint } = call;
    return { intent: { operation: call.operation, key, fingerprint, ...read, since: unit.now, attempts: 0, trace: span.trace } };
  };
  return unit.run(run, (given, failing) => span.run(() => handler.before(commandContext(given, failing, input))), intended);
}
