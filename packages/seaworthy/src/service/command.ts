import type { CallRequest } from '../client/transport.ts';
import type { Answer } from '../contract/answer.ts';
import type { At, Operation } from '../contract/contract.ts';
import { copied } from '../core/copy.ts';
import type { Span } from '../core/observe.ts';
import { answerOf, declaredOf, nameOf } from './answer.ts';
import type { AnyCommandContext } from './context.ts';
import { StepInProgress } from './errors.ts';
import type { Failing } from './failing.ts';
import { type Keyed, record, recorded } from './idempotency.ts';
import { bury, refuseUndone } from './tombstone.ts';
import { type Given, type RunOf, type UnitOfWork, type UnitParts, unitOfWork } from './unit-of-work.ts';

/** A call on its way through a service: validated, and with a key. */
export interface Received extends Keyed {
  readonly attempt: CallRequest;
  readonly input: unknown;
  readonly signal: AbortSignal;
  readonly span: Span;
}

/** The context of one run of a command's handler. The input is a copy: no other run sees what this one makes of it. */
export const commandContext = (given: Given, { fail, refuse }: Failing, input: unknown): AnyCommandContext => ({
  ...given,
  input: copied(input),
  fail,
  refuse,
});

/**
 * Runs `work` in one transaction, unless the call has been here before: a repeat gets the recorded answer, and a call of a step that
 * has been undone is refused. An undo leaves its tombstone first; throws `StepInProgress` while it has to wait for its step.
 */
export async function underKey<V extends object>(
  parts: UnitParts,
  call: Received,
  work: (unit: UnitOfWork) => Promise<V>,
): Promise<V | Answer> {
  const { span, signal } = call;
  const { undoes } = call.attempt;
  const result = await unitOfWork(
    parts,
    span,
    async (unit): Promise<V | Answer | StepInProgress> => {
      await refuseUndone(unit.sql, call);
      const before = await recorded(unit.sql, call);
      if (before) return before;
      const waits = undoes === undefined ? undefined : await bury(unit.sql, undoes, unit.now);
      return waits ?? work(unit);
    },
    { signal },
  );
  // The tombstone is committed all the same.
  if (result instanceof StepInProgress) throw result;
  return result;
}

/**
 * Runs a handler behind a savepoint and records its answer under the call's key: its output, or what it refused with, beside its rows,
 * events and saga starts (G1), or a declared error that it threw, with nothing but the record (G9). Throws anything else.
 */
export async function answerOnce(
  unit: UnitOfWork,
  run: RunOf & { readonly operation: Operation & At; readonly call: Keyed },
  handle: (given: Given, failing: Failing) => unknown,
): Promise<Answer> {
  const { sql, now } = unit;
  const { operation, call } = run;
  const answer = await sql
    .savepoint(() => unit.run(run, handle, (returned) => answerOf(operation, returned)))
    .catch((error: unknown) => declaredOf(operation, error));
  await record(sql, call, answer, now);
  return answer;
}

/** Runs a command in one transaction; a repeat under its key gets the recorded answer. */
export function runCommand(parts: UnitParts, call: Received, handler: (context: AnyCommandContext) => unknown): Promise<Answer> {
  const { span, input, attempt } = call;
  const { operation } = attempt;
  const run = { operation, call, name: `the handler of ${nameOf(operation)}`, trace: span.trace };
  return underKey(parts, call, (unit) =>
    answerOnce(unit, run, (given, failing) => span.run(() => handler(commandContext(given, failing, input)))),
  );
}
