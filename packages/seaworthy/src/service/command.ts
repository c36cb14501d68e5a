import { Failure } from '../client/call.ts';
import type { CallRequest } from '../client/transport.ts';
import type { Answer } from '../contract/answer.ts';
import { copied } from '../core/copy.ts';
import type { Span } from '../core/observe.ts';
import { isA } from '../core/thrown.ts';
import { UniqueViolation } from '../store/errors.ts';
import { fenced } from '../store/fenced.ts';
import { transaction } from '../store/traced.ts';
import { answerOf, declaredOf, nameOf } from './answer.ts';
import type { AnyCommandContext } from './context.ts';
import { KeyInProgress, Overtaken, StepInProgress } from './errors.ts';
import type { Failing } from './failing.ts';
import { type KeyedCall, lookUp, record } from './idempotency.ts';
import { enterStep, layTombstone, stepOf } from './tombstone.ts';
import { type Given, type UnitDeps, type UnitOfWork, unitOfWork } from './unit-of-work.ts';

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

/** How often a call looks again because another one came first. Each time that one has committed, so two looks are the rule. */
const mostLooks = 10;

/** Tables whose rows say that another call came first. */
const ownTables: ReadonlySet<string> = new Set(['sw_idempotency', 'sw_intent', 'sw_tombstone']);
const isOvertaken = (error: unknown): boolean => isA(error, Overtaken) || (isA(error, UniqueViolation) && ownTables.has(error.table));

/** Returns whether the error of a handler may be one that its contract declares. */
export const isDeclared = (error: unknown): boolean => isA(error, Failure);
/** Returns whether an error rolls a transaction back without being a fault. */
const isUsual = (error: unknown): boolean => isDeclared(error) || isOvertaken(error);

/** What a call does under its key, once nothing is recorded there. */
export interface KeyedWork<V> {
  /** Runs the handler, and records its answer or its intent with the commit. */
  readonly work: (unit: UnitOfWork) => Promise<V>;
  /**
   * Continues an external command that is in progress under the key. Returns `undefined` when it is not any more: look again. Default:
   * it is in progress elsewhere.
   */
  readonly resume?: () => Promise<V | undefined>;
}

/**
 * Runs `work` in one transaction, unless an answer is recorded under the call's key: then it returns that. A declared error that `work`
 * throws rolls the transaction back, and is recorded in another one. An undo lays its tombstone first. Throws `StepUndone` for a call of
 * a step that was undone, `StepInProgress` for an undo whose step has no outcome yet, and `KeyInProgress`.
 */
export async function underKey<V extends object>(deps: UnitDeps, call: Received, { work, resume }: KeyedWork<V>): Promise<V | Answer> {
  const { undoes, operation } = call.request;
  const read = deps.store.sqlRead.withSignal(call.signal);
  const step = undoes === undefined ? stepOf(call.key) : undefined;
  for (let looks = 0; looks < mostLooks; looks++) {
    const { answer, inProgress, begun } = await lookUp(read, call, step);
    if (answer) return answer;
    if (inProgress && !resume) break;
    try {
      const taken = inProgress ? await resume?.() : undefined;
      if (taken) return taken;
      if (inProgress) continue;
      return await (undoes === undefined ? once(deps, call, { step, begun, work }) : undoing(deps, call, undoes, work));
    } catch (error) {
      if (isOvertaken(error)) continue;
      const declared = await declaredOf(operation, error);
      if (await recorded(deps, call, declared)) return declared;
    }
  }
  throw new KeyInProgress(`${call.operation} under the key ${call.key} is in progress elsewhere: repeat the call after a while`, {
    retryAfterMs: 1000,
  });
}

function once<V>(
  deps: UnitDeps,
  { span, signal }: Received,
  { step, begun, work }: { readonly step: string | undefined; readonly begun: boolean; readonly work: KeyedWork<V>['work'] },
): Promise<V> {
  return unitOfWork(
    deps,
    span,
    async (unit) => {
      if (step !== undefined) await enterStep(unit.sql, step, begun, unit.now);
      return work(unit);
    },
    { signal, usual: isUsual },
  );
}

/**
 * Runs an undo behind its tombstone. A declared error is recorded with the tombstone, and only the handler is rolled back: the step might
 * otherwise take effect between what the handler saw and its record.
 */
async function undoing<V>(deps: UnitDeps, call: Received, undoes: string, work: KeyedWork<V>['work']): Promise<V | Answer> {
  const { span, signal } = call;
  const { operation } = call.request;
  const result = await unitOfWork(
    deps,
    span,
    async (unit): Promise<V | Answer | StepInProgress> => {
      const { sql, now } = unit;
      const waits = await layTombstone(sql, undoes, now);
      if (waits) return waits;
      return sql
        .savepoint(() => work(unit))
        .catch(async (error: unknown) => {
          const answer = await declaredOf(operation, error);
          record(sql, call, answer, now);
          return answer;
        });
    },
    { signal, usual: isUsual },
  );
  // It is thrown after the commit, so that the tombstone stays.
  if (result instanceof StepInProgress) throw result;
  return result;
}

/** Records a declared error alone: its handler was rolled back. Returns false when another call under the key came first. */
async function recorded(deps: UnitDeps, call: Received, answer: Answer): Promise<boolean> {
  const { store, runtime } = deps;
  const write = async (tx: unknown): Promise<true> => {
    record(store.sql(tx), call, answer, runtime.clock.now());
    return true;
  };
  try {
    return await transaction(deps, call.span, write, { ...fenced, signal: call.signal, usual: isUsual });
  } catch (error) {
    if (isOvertaken(error)) return false;
    throw error;
  }
}

/**
 * Runs a command in one transaction, with its rows, events and saga starts (G1). A repeat under its key gets the recorded answer (G9).
 */
export function runCommand(deps: UnitDeps, call: Received, handler: (context: AnyCommandContext) => unknown): Promise<Answer> {
  const { span, input, request } = call;
  const { operation } = request;
  const run = { name: `the handler of ${nameOf(operation)}`, trace: span.trace };
  return underKey<Answer>(deps, call, {
    async work(unit) {
      const handle = (given: Given, failing: Failing): unknown => span.run(() => handler(commandContext(given, failing, input)));
      const answer = await unit.run(run, handle, (returned) => answerOf(operation, returned));
      record(unit.sql, call, answer, unit.now);
      return answer;
    },
  });
}
