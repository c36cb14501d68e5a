import type { CallRequest } from '../client/transport.ts';
import type { Answer } from '../contract/answer.ts';
import type { At, Operation } from '../contract/contract.ts';
import { copied } from '../core/copy.ts';
import type { Span } from '../core/observe.ts';
import type { TraceContext } from '../core/trace.ts';
import type { Tx } from '../store/store.ts';
import { transaction } from '../store/traced.ts';
import { answerOf, declaredOf, nameOf } from './answer.ts';
import type { CommandContext } from './context.ts';
import { StepInProgress } from './errors.ts';
import { type Keyed, record, recorded } from './idempotency.ts';
import { bury, refuseUndone } from './tombstone.ts';
import { type Unit, type UnitParts, unit } from './unit.ts';

/** What commands of one service need to run. */
export type Commands = UnitParts;

/** A call on its way through a service: validated, and with a key. */
export interface Received extends Keyed {
  readonly attempt: CallRequest;
  readonly input: unknown;
  readonly signal: AbortSignal;
  readonly span: Span;
}

export type Changing = CommandContext<unknown, Record<string, unknown>, Record<string, never>, unknown>;

/** The context of one run of a handler that changes state, all collected in `work`. What it makes of its input no other run sees. */
export function changing(parts: Commands, work: Unit, input: unknown, trace: TraceContext | undefined): Changing {
  const { clock, ids } = parts.runtime;
  const { tx, publish, start, stop, fail, refuse } = work;
  return { input: copied(input), tx, publish, start, stop, fail, refuse, now: clock.now(), newId: ids.next, trace };
}

/**
 * Runs `handle` behind a savepoint of `own` and records its answer under the call's key: its output, or what it refused with, beside
 * its rows, events and saga starts (G1), or a declared error that it threw, with nothing but the record (G9). Throws anything else.
 */
export async function answerOnce(
  { operation, call, own, work, now }: { operation: Operation & At; call: Keyed; own: Tx; work: Unit; now: number },
  handle: () => unknown,
): Promise<Answer> {
  const answer = await own
    .savepoint(async () => {
      const given = await answerOf(operation, await work.run(handle));
      await work.write(own);
      return given;
    })
    .catch((error: unknown) => declaredOf(operation, error));
  await record(own, call, answer, now);
  return answer;
}

/** Runs a command in one transaction; a repeat under its key gets the recorded answer. */
export async function runCommand(parts: Commands, call: Received, handler: (context: Changing) => unknown): Promise<Answer> {
  let work: Unit | undefined;
  const answer = await transaction(
    parts,
    call.span,
    async (tx): Promise<Answer | StepInProgress> => {
      work = undefined;
      const own = parts.store.sql(tx);
      await refuseUndone(own, call);
      const before = await recorded(own, call);
      if (before) return before;
      const { operation } = call.attempt;
      const fresh = unit(parts, tx, call.span.trace, `the handler of ${nameOf(operation)}`);
      const context = changing(parts, fresh, call.input, call.span.trace);
      const waits = call.attempt.undoes === undefined ? undefined : await bury(own, call.attempt.undoes, context.now);
      if (waits) return waits;
      const result = await answerOnce({ operation, call, own, work: fresh, now: context.now }, () => call.span.run(() => handler(context)));
      work = fresh;
      return result;
    },
    { signal: call.signal },
  );
  if (answer instanceof StepInProgress) throw answer;
  work?.committed();
  return answer;
}
