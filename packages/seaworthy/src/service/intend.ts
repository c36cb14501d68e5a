import type { Answer } from '../contract/answer.ts';
import type { At, Operation } from '../contract/contract.ts';
import { isA } from '../core/thrown.ts';
import type { Alone } from '../outbox/suspects.ts';
import { transaction } from '../store/traced.ts';
import { answerOf, declaredOf, nameOf, outputJson } from './answer.ts';
import { type Commands, changing, type Received } from './command.ts';
import { KeyInProgress, StepInProgress } from './errors.ts';
import { type AnyExternal, patienceMs } from './handler.ts';
import { record, recorded } from './idempotency.ts';
import { type Intent, isSuspect, keep, markOf, type Owner, openIntent, take } from './intent.ts';
import { Refusal } from './refusal.ts';
import { bury, refuseUndone } from './tombstone.ts';
import { type Unit, unit } from './unit.ts';

/** An external command of this code. */
export interface Known {
  readonly operation: Operation & At;
  readonly handler: AnyExternal;
}

export interface ExternalParts extends Commands {
  readonly owner: Owner;
  /** Where what may kill the process is handled. */
  readonly alone: Alone;
  /** The external commands of this code, by name. */
  readonly known: ReadonlyMap<string, Known>;
}

type Intended = { readonly answer: Answer } | { readonly intent: Intent };

/** The first transaction: the recorded answer, or an intent that is now this worker's to drive. */
export async function intend(parts: ExternalParts, call: Received, handler: AnyExternal): Promise<Intended> {
  const { store, owner, runtime } = parts;
  const { span } = call;
  // Until then it is being driven; after it whoever drove it has lost it.
  const due = (): number => runtime.clock.now() + 2 * patienceMs(handler);
  let work: Unit | undefined;
  const result = await transaction(
    parts,
    span,
    async (tx): Promise<Intended | StepInProgress> => {
      work = undefined;
      const own = store.sql(tx);
      await refuseUndone(own, call);
      const answer = await recorded(own, call);
      if (answer) return { answer };
      const open = await openIntent(own, call, owner.dead(), owner.id);
      if (open && !open.free)
        throw new KeyInProgress(`${markOf(call)} is still in progress elsewhere: ask again soon`, { retryAfterMs: 1000 });
      // A suspect is left to the driver of open intents, which drives it alone.
      if (open && isSuspect(open.crashes))
        throw new KeyInProgress(`${markOf(call)} may be what kills its processes, and is driven alone: ask again later`, {
          retryAfterMs: 5000,
        });
      if (open) {
        await take(own, call, owner.id, due(), open.crashes);
        return { intent: open.intent };
      }
      const fresh = unit(parts, tx, span.trace, `\`before\` of ${nameOf(call.attempt.operation)}`);
      const context = changing(parts, fresh, call.input, span.trace);
      const waits = call.attempt.undoes === undefined ? undefined : await bury(own, call.attempt.undoes, context.now);
      if (waits) return waits;
      try {
        const intended = await own.savepoint(async () => {
          const value = await fresh.run(() => span.run(() => handler.before(context)));
          await fresh.write(own);
          return value;
        });
        if (isA(intended, Refusal)) {
          const answer = await answerOf(call.attempt.operation, intended);
          await record(own, call, answer, context.now);
          work = fresh;
          return { answer };
        }
        const { operation, key, fingerprint } = call;
        // As they will be read after a crash, so that `do` and `after` see the same before and after one.
        const name = nameOf(call.attempt.operation);
        const read = {
          input: outputJson(call.input, `the input of ${name}, as its schema gives it,`),
          intent: outputJson(intended ?? null, `the intent of ${name}`),
        };
        const intent: Intent = { operation, key, fingerprint, ...read, since: context.now, attempts: 0, trace: span.trace };
        await keep(own, intent, owner.id, due());
        work = fresh;
        return { intent };
      } catch (error) {
        const declared = await declaredOf(call.attempt.operation, error);
        await record(own, call, declared, context.now);
        return { answer: declared };
      }
    },
    { signal: call.signal },
  );
  if (result instanceof StepInProgress) throw result;
  work?.committed();
  return result;
}
