import type { CallRequest } from '../client/transport.ts';
import type { Answer } from '../contract/answer.ts';
import type { Bound, Operation } from '../contract/contract.ts';
import { copied } from '../core/copy.ts';
import type { Span } from '../core/observe.ts';
import { answerOf, declaredOf, nameOf } from './answer.ts';
import type { AnyCommandContext } from './context.ts';
import { StepInProgress } from './errors.ts';
import type { Failing } from './failing.ts';
import { type KeyedCall, record, recorded } from './idempotency.ts';
import { layTombstone, refuseUndone } from './tombstone.ts';
import { type Given, type RunOf, type UnitDeps, type UnitOfWork, unitOfWork } from './unit-of-work.ts';

/** A call that a service has accepted: its input is valid, and it has a key. */
export interface Received extends KeyedCall {
  readonly request: CallRequest;
  readonly input: unknown;
  readonly signal: AbortSignal;
  readonly span: Span;
}

/** Makes the context of one run of a command's handler. The input is a copy, so that no run sees the changes of another one. */
export const commandContext = (given: Given, { fail, refuse }: Failing, input: unknown): AnyCommandContext => ({
  ...given,
  input: copied(input),
  fail,
  refuse,
});

/**
 * Runs `work` in one transaction, unless an answer is recorded under the call's key: then it returns that. An undo lays its tombstone
 * first. Throws `StepUndone` for a call of a step that was undone, and `StepInProgress` for an undo whose step has no outcome yet.
 */
export async function underKey<V extends object>(
  deps: UnitDeps,
  call: Received,
  work: (unit: UnitOfWork) => Promise<V>,
): Promise<V | Answer> {
  const { span, signal } = call;
  const { undoes } = call.request;
  const result = await unitOfWork(
    deps,
    span,
    async (unit): Promise<V | Answer | StepInProgress> => {
      await refuseUndone(unit.sql, call);
      const before = await recorded(unit.sql, call);
      if (before) return before;
      const waits = undoes === undefined ? undefined : await layTombstone(unit.sql, undoes, unit.now);
      return waits ?? work(unit);
    },
    { signal },
  );
  // It is thrown after the commit, so that the tombstone stays.
  if (result instanceof StepInProgress) throw result;
  return result;
}

/**
 * Runs a handler in a savepoint and records its answer under the call's key. An output or a refusal is committed with its rows, events
 * and saga starts (G1). A declared error that the handler throws rolls these back, and only its record is committed (G9). Throws
 * anything else.
 */
export async function answerOnce(
  unit: UnitOfWork,
  run: RunOf & { readonly operation: Operation & Bound; readonly call: KeyedCall },
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

/** Runs a command in one transaction. A repeat under its key gets the recorded answer. */
export function runCommand(deps: UnitDeps, call: Received, handler: (context: AnyCommandContext) => unknown): Promise<Answer> {
  const { span, input, request } = call;
  const { operation } = request;
  const run = { operation, call, name: `the handler of ${nameOf(operation)}`, trace: span.trace };
  return underKey(deps, call, (unit) =>
    answerOnce(unit, run, (given, failing) => span.run(() => handler(commandContext(given, failing, input)))),
  );
}
