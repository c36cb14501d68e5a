import type { Answer } from '../contract/answer.ts';
import { asJson } from '../contract/as-json.ts';
import type { At, Operation } from '../contract/contract.ts';
import { checkedKey } from '../contract/headers.ts';
import { declaredError } from '../contract/member.ts';
import { examine, type Schema, sentence } from '../contract/schema.ts';
import { Deadline } from '../core/deadline.ts';
import { type Duration, milliseconds } from '../core/duration.ts';
import { SeaworthyError } from '../core/errors.ts';
import type { Runtime } from '../core/runtime.ts';
import { isA } from '../core/thrown.ts';
import type { TraceContext } from '../core/trace.ts';
import { type Breaker, breaker } from '../resilience/breaker.ts';
import { type Bulkhead, bulkhead } from '../resilience/bulkhead.ts';
import { type Classify, classify } from '../resilience/classify.ts';
import { LocalRejection } from '../resilience/errors.ts';
import { type Guard, policyOn } from '../resilience/policy.ts';
import { retry } from '../resilience/retry.ts';
import { type Callable, Failure, type Reply, reply } from './call.ts';
import { AnswerInvalid, CallFailed } from './errors.ts';
import { type Course, type Instance, instances, type Send } from './instances.ts';
import type { Transport } from './transport.ts';

export interface CallOptions {
  /** Under which the service does it once. Default a new one for each call of a command; the same for all its attempts. */
  readonly key?: string | undefined;
  /** For the whole, over all attempts. Default 5 s from now. */
  readonly deadline?: Deadline | undefined;
  /** The caller's way to leave. */
  readonly signal?: AbortSignal | undefined;
  /** The key of the saga step that this call undoes. */
  readonly undoes?: string | undefined;
  /** What caused it. Default the span that runs, if telemetry knows one. */
  readonly trace?: TraceContext | undefined;
}

/** Calls operations of services, typed by their contracts. */
export type Caller = <Sent, Output, E>(
  operation: Callable<string, Sent, Output, E>,
  input: NoInfer<Sent>,
  options?: CallOptions,
) => Reply<Output, E>;

export interface CallerParts {
  readonly runtime: Runtime;
  /** The way to a service, or to each of its instances. */
  readonly transportOf: (service: string) => Transport | readonly Instance[];
  /** One for each callee, over all attempts of a call. Default `defaultPolicy`: 3 attempts. */
  readonly policyOf?: (service: string) => Guard;
  /** One for each instance of a callee, around each attempt. Default `defaultGuard`: a breaker, and 100 calls at one time. */
  readonly guardOf?: (service: string, instance?: string) => Guard;
  /** The default deadline of a call. Default 5 s. */
  readonly timeout?: Duration;
}

/** What an outcome of a call says of the callee: that it failed inside, or still waits for a third party, may be due to this one request. */
export const classifyCall: Classify = (error) => {
  const verdict = classify(error);
  if (verdict !== 'failure' || !isA(error, CallFailed)) return verdict;
  // It is there and answers, though it is older than its caller.
  if (error.unknown) return 'success';
  return error.kind === 'internal' || error.problem.code === 'SW_OUTCOME_PENDING' ? 'fault' : 'failure';
};

/** An open breaker is not waited for: whoever asked is told at once. And a service does not learn an operation meanwhile. */
const again = (error: unknown): boolean => classify(error) === 'failure' && !(isA(error, CallFailed) && error.unknown);

/**
 * What is tried again, unless a caller is given another policy: failures of the callee, 3 attempts with 50 ms to 2 s of backoff,
 * within the deadline.
 */
export const defaultPolicy = (runtime: Runtime): Guard => policyOn(runtime, retry({ when: again }));

/**
 * What guards each attempt, unless a caller is given another: 100 at one time and 1000 waiting, and a breaker. It opens after 5
 * failures in a row to give an answer, or when half of at least 20 calls within 30 s failed, answers of 500 among them; failures
 * under one idempotency key count once. It opens for 1 s first and for twice as long each time, up to 30 s, but no longer than
 * 1 s where nobody is there, and closes after 2 successes.
 */
export const defaultGuard = (runtime: Runtime, service: string, instance?: string): Guard =>
  policyOn(runtime, ...guardParts(runtime, service, instance));

function guardParts(runtime: Runtime, service: string, instance?: string): readonly [Breaker, Bulkhead] {
  const name = instance === undefined ? service : `${service} at ${instance}`;
  const trips = { failures: 5, failureRate: 0.5, minimumCalls: 20, window: '30s', classify: classifyCall } as const;
  return [breaker({ name, runtime, ...trips, openFor: '1s', openForMax: '30s' }), bulkhead({ name, limit: 100, queue: 1000 })];
}

/** For attempts that are guarded already. */
const unguarded: Guard = (work, { signal = new AbortController().signal } = {}) => Promise.resolve(work({ signal, attempt: 1 }));

type Bound = Operation & At;

/** What is said of an operation, held against its schema; without one there is nothing to say. */
async function promised(operation: Bound, schema: Schema | undefined, value: unknown, what = 'the output'): Promise<unknown> {
  if (!schema) return undefined;
  const result = await examine(schema, value);
  if ('value' in result) return result.value;
  throw new AnswerInvalid(
    `${what} of ${operation.service}.${operation.name} is not what its contract promises (${sentence(result.findings)}): do both sides have the same contract?`,
  );
}

async function failureOf(operation: Bound, answer: Exclude<Answer, { kind: 'output' }>): Promise<Error> {
  if (answer.kind === 'problem') return new CallFailed(`${operation.service}.${operation.name}`, answer.problem);
  const { data } = declaredError(operation, answer.name) ?? {};
  return new Failure(answer.name, await promised(operation, data, answer.data, `the data of ${answer.name}`));
}

/** Makes the calling side of a service or gateway. Calls reject with `Failure` for declared errors, else with a `SeaworthyError`. */
export function caller({ runtime, transportOf, policyOf, guardOf, timeout = '5s' }: CallerParts): Caller {
  function policiesOf(service: string, count: number): { readonly policy: Guard; readonly guard: (instance: Instance) => Guard } {
    // One instance, and nobody's own policies: the same parts, in the same order, are one policy, at half the price.
    if (count === 1 && !policyOf && !guardOf)
      return { policy: policyOn(runtime, retry({ when: again }), ...guardParts(runtime, service)), guard: () => unguarded };
    const guardBy = guardOf ?? ((name: string, instance?: string): Guard => defaultGuard(runtime, name, instance));
    return {
      policy: policyOf?.(service) ?? defaultPolicy(runtime),
      guard: ({ at }) => guardBy(service, count > 1 ? at : undefined),
    };
  }

  const timeoutMs = milliseconds(timeout, 'timeout');
  const callees = new Map<string, { readonly policy: Guard; readonly send: Send }>();
  const calleeOf = (service: string): { readonly policy: Guard; readonly send: Send } => {
    const known = callees.get(service);
    if (known) return known;
    const way = transportOf(service);
    const all = 'send' in way ? [{ at: service, transport: way }] : way;
    const { policy, guard } = policiesOf(service, all.length);
    const made = { policy, send: instances(all, { runtime, guardOf: guard }) };
    callees.set(service, made);
    return made;
  };

  async function send(operation: Bound, given: unknown, options: CallOptions): Promise<unknown> {
    const name = `${operation.service}.${operation.name}`;
    const deadline = options.deadline?.usually(timeoutMs) ?? new Deadline(runtime.clock, runtime.clock.monotonic() + timeoutMs, timeoutMs);
    const key = checkedKey(options.key) ?? (operation.kind === 'command' ? runtime.ids.next() : undefined);
    const span = runtime.observe.span('seaworthy_call', { operation: name }, { kind: 'client', parent: options.trace });
    const course: Course = { been: new Set(), failed: undefined };
    // As it is now: an attempt may come when the caller has long since changed it.
    const json = asJson(given);
    // What JSON does not keep is for the transport to refuse.
    const input = 'value' in json ? json.value : given;
    try {
      const { policy, send: sendTo } = calleeOf(operation.service);
      // What is no answer of the contract is the policy's to judge, and perhaps to try again.
      const judged = (answer: Answer): Answer => {
        if (answer.kind === 'problem') throw new CallFailed(name, answer.problem);
        return answer;
      };
      const answer = await policy(
        ({ signal, attempt }) =>
          sendTo(course, { operation, input, key, deadline, undoes: options.undoes, attempt, trace: span.trace, signal }, judged),
        { signal: options.signal, deadline, key },
      );
      if (answer.kind !== 'output') throw await failureOf(operation, answer);
      const value = await promised(operation, operation.output, answer.output);
      span.end('output');
      return value;
    } catch (thrown) {
      // That a further attempt was not begun says that nothing was done, which is not so: an earlier one was on its way.
      const error = isA(thrown, LocalRejection) && course.failed ? course.failed.error : thrown;
      if (isA(error, Failure)) span.end('declared');
      else span.end(isA(error, SeaworthyError) ? error.kind : 'failed', error);
      throw error;
    }
  }

  return (operation, input, options = {}) =>
    reply(send(operation as unknown as Bound, input, options) as Promise<never>, operation.errors as object);
}
