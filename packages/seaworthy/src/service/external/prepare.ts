import type { Answer } from '../../contract/answer.ts';
import type { At, Operation } from '../../contract/contract.ts';
import { isA } from '../../core/thrown.ts';
import type { Alone } from '../../outbox/suspects.ts';
import type { Tx } from '../../store/store.ts';
import { answerOf, declaredOf, nameOf, outputJson } from '../answer.ts';
import { commandContext, type Received, underKey } from '../command.ts';
import { KeyInProgress } from '../errors.ts';
import { type AnyExternal, patienceMs } from '../handler.ts';
import { record } from '../idempotency.ts';
import { Refusal } from '../refusal.ts';
import type { UnitOfWork, UnitParts } from '../unit-of-work.ts';
import { type Intent, isSuspect, keep, markOf, type Owner, openIntent, take } from './intent-table.ts';

/** An external command of this code. */
export interface Known {
  readonly operation: Operation & At;
  readonly handler: AnyExternal;
}

export interface ExternalParts extends UnitParts {
  readonly owner: Owner;
  /** Where what may kill the process is handled. */
  readonly alone: Alone;
  /** The external commands of this code, by name. */
  readonly known: ReadonlyMap<string, Known>;
}

type Prepared = { readonly answer: Answer } | { readonly intent: Intent };

/** The first transaction: the recorded answer, or an intent that is now this worker's to drive. */
export async function prepare(parts: ExternalParts, call: Received, handler: AnyExternal): Promise<Prepared> {
  const { owner, runtime } = parts;
  // Until then it is being driven; after it whoever drove it has lost it.
  const due = (): number => runtime.clock.now() + 2 * patienceMs(handler);
  const result = await underKey(parts, call, async (unit): Promise<Prepared> => {
    const open = await takeOver(unit.sql, call, parts, due);
    if (open) return { intent: open };
    const intended = await before(unit, call, handler);
    if ('answer' in intended) await record(unit.sql, call, intended.answer, unit.now);
    else await keep(unit.sql, intended.intent, owner.id, due());
    return intended;
  });
  return 'kind' in result ? { answer: result } : result;
}

/** An intent of an earlier call under the same key, which belongs to this worker from now on. Throws `KeyInProgress` when it may not. */
async function takeOver(tx: Tx, call: Received, { owner }: ExternalParts, due: () => number): Promise<Intent | undefined> {
  const open = await openIntent(tx, call, owner.dead(), owner.id);
  if (!open) return undefined;
  if (!open.free) throw new KeyInProgress(`${markOf(call)} is still in progress elsewhere: ask again soon`, { retryAfterMs: 1000 });
  // A suspect is left to the driver of open intents, which drives it alone.
  if (isSuspect(open.crashes))
    throw new KeyInProgress(`${markOf(call)} may be what kills its processes, and is driven alone: ask again later`, {
      retryAfterMs: 5000,
    });
  await take(tx, call, owner.id, due(), open.crashes);
  return open.intent;
}

/** Runs `before` behind a savepoint: a declared error that it threw leaves nothing of it. */
async function before(unit: UnitOfWork, call: Received, handler: AnyExternal): Promise<Prepared> {
  const { operation } = call.attempt;
  const { span, input } = call;
  const name = nameOf(operation);
  const run = { name: `\`before\` of ${name}`, trace: span.trace };
  const intended = async (returned: unknown): Promise<Prepared> => {
    if (isA(returned, Refusal)) return { answer: await answerOf(operation, returned) };
    // As they will be read after a crash, so that `do` and `after` see the same before and after one.
    const read = {
      input: outputJson(input, `the input of ${name}, as its schema gives it,`),
      intent: outputJson(returned ?? null, `the intent of ${name}`),
    };
    const { key, fingerprint } = call;
    return { intent: { operation: call.operation, key, fingerprint, ...read, since: unit.now, attempts: 0, trace: span.trace } };
  };
  return unit.sql
    .savepoint(() => unit.run(run, (given, failing) => span.run(() => handler.before(commandContext(given, failing, input))), intended))
    .catch(async (error: unknown) => ({ answer: await declaredOf(operation, error) }));
}
