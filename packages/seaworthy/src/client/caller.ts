import type { Answer } from '../contract/answer.ts';
import { asJson } from '../contract/as-json.ts';
import type { Bound, Operation } from '../contract/contract.ts';
import { checkedKey } from '../contract/headers.ts';
import { declaredError } from '../contract/member.ts';
import { examine, type Schema, sentence } from '../contract/schema.ts';
import { Deadline } from '../core/deadline.ts';
import { disposable } from '../core/disposable.ts';
import { type Duration, milliseconds } from '../core/duration.ts';
import { together } from '../core/ends.ts';
import { SeaworthyError } from '../core/errors.ts';
import { checkOptions, type OptionNames } from '../core/options.ts';
import type { Runtime } from '../core/runtime.ts';
import { isA } from '../core/thrown.ts';
import type { TraceContext } from '../core/trace.ts';
import { type Breaker, breaker } from '../resilience/breaker.ts';
import { type Bulkhead, bulkhead } from '../resilience/bulkhead.ts';
import { type Classify, classify } from '../resilience/classify.ts';
import { LocalRejection } from '../resilience/errors.ts';
import { type Guard, policyOn } from '../resilience/policy.ts';
import { retry } from '../resilience/retry.ts';
import type { BalancerDriver } from './balancer.ts';
import { type Callable, Failure, type Reply, reply } from './call.ts';
import { roundRobin } from './drivers/round-robin.ts';
import { staticInstances } from './drivers/static-instances.ts';
import { AnswerInvalid, CallFailed, Unreachable } from './errors.ts';
import type { Instance } from './instance-source.ts';
import { type CallHistory, type InstanceGuard, InstancePool, type Instances } from './instances.ts';
import type { Transport } from './transport.ts';

export interface CallOptions {
  /** The idempotency key, under which the service does the command once. Default a new one for each call of a command, the same for all its attempts. */
  readonly key?: string | undefined;
  /** The deadline of the whole call, over all attempts: a moment, or a time from now. Default 5 s. */
  readonly deadline?: Deadline | Duration | undefined;
  /** Aborts the call. Default never. */
  readonly signal?: AbortSignal | undefined;
  /** The key of the saga step that this call undoes. Default none. */
  readonly undoes?: string | undefined;
  /** The trace that caused the call. Default the current span, if telemetry has one. */
  readonly trace?: TraceContext | undefined;
}

const callNames: OptionNames<CallOptions> = { key: true, deadline: true, signal: true, undoes: true, trace: true };

/** Calls operations of services, typed by their contracts. */
export type Caller = <Sent, Output, E>(
  operation: Callable<string, Sent, Output, E>,
  input: NoInfer<Sent>,
  options?: CallOptions,
) => Reply<Output, E>;

/** A caller that closes what it opened. */
export interface ClosableCaller extends Caller, AsyncDisposable {
  /** Closes the transports to instances that it opened, and stops watching their sources. Later calls reject with `Unreachable`. */
  close(): Promise<void>;
}

/** How calls are guarded, balanced and bounded. */
export interface CallPolicies {
  /** Gives the policy of a callee, over all attempts of a call. Default `defaultPolicy`: 3 attempts. */
  readonly policyOf?: (service: string) => Guard;
  /** Gives the guard of each instance of a callee, around each attempt. Default `defaultGuard`: a breaker, and 100 calls at one time. */
  readonly guardOf?: (service: string, instance?: string) => Guard;
  /** Makes the balancer of each callee that has instances. Default `roundRobin`. */
  readonly balancer?: BalancerDriver;
  /** The deadline of a call that brings none. Default 5 s. */
  readonly timeout?: Duration;
}

export const policyNames: OptionNames<CallPolicies> = { policyOf: true, guardOf: true, balancer: true, timeout: true };
const depsNames: OptionNames<CallerDeps> = { ...policyNames, runtime: true, transportOf: true };

export interface CallerDeps extends CallPolicies {
  readonly runtime: Runtime;
  /** Gives the transport to a service, which the caller never closes, or the instances of the service. Called once for each service. */
  readonly transportOf: (service: string) => Transport | Instances;
}

/** Classifies the outcome of a call. An internal error, or an outcome that is pending at a third party, may be due to this one request: a fault. */
export const classifyCall: Classify = (error) => {
  const verdict = classify(error);
  if (verdict !== 'failure' || !isA(error, CallFailed)) return verdict;
  // The service answers, though it is older than its caller.
  if (error.unknown) return 'success';
  return error.kind === 'internal' || error.problem.code === 'SW_OUTCOME_PENDING' ? 'fault' : 'failure';
};

/** An open breaker rejects at once, without a retry. A service that does not know an operation will not know it in a second either. */
const isRetryable = (error: unknown): boolean => classify(error) === 'failure' && !(isA(error, CallFailed) && error.unknown);

/**
 * Returns the policy of a callee that has no other. It retries failures of the callee within the deadline: 3 attempts, with 50 ms to 2 s
 * of backoff.
 */
export const defaultPolicy = (runtime: Runtime): Guard => policyOn(runtime, retry({ when: isRetryable }));

/**
 * Returns the guard of an instance that has no other: a bulkhead of 100 attempts at one time and 1000 waiting, and a breaker. It opens after 5
 * failures in a row to give an answer, or when half of at least 20 calls within 30 s failed, answers of 500 among them; failures
 * under one idempotency key count once. It opens for 1 s first and for twice as long each time, up to 30 s, but no longer than
 * 1 s where the service is absent, and closes after 2 successes.
 */
export const defaultGuard = (runtime: Runtime, service: string, instance?: string): Guard =>
  policyOn(runtime, ...guardParts(runtime, service, instance));

function guardParts(runtime: Runtime, service: string, instance?: string): readonly [Breaker, Bulkhead] {
  const name = instance === undefined ? service : `${service} at ${instance}`;
  const trips = { failures: 5, failureRate: 0.5, minimumCalls: 20, window: '30s', classify: classifyCall } as const;
  return [breaker({ name, runtime, ...trips, openFor: '1s', openForMax: '30s' }), bulkhead({ name, limit: 100, queue: 1000 })];
}

/** The guard of attempts that their policy guards already. */
const unguarded: Guard = (work, { signal = new AbortController().signal } = {}) => Promise.resolve(work({ signal, attempt: 1 }));

type BoundOperation = Operation & Bound;

/** Validates a value of an operation against its schema. Without a schema the value is `undefined`. */
async function validated(operation: BoundOperation, schema: Schema | undefined, value: unknown, what = 'the output'): Promise<unknown> {
  if (!schema) return undefined;
  const result = await examine(schema, value);
  if ('value' in result) return result.value;
  throw new AnswerInvalid(
    `${what} of ${operation.service}.${operation.name} breaks its contract (${sentence(result.findings)}): deploy both sides with the same contract`,
  );
}

async function failureOf(operation: BoundOperation, answer: Exclude<Answer, { kind: 'output' }>): Promise<Error> {
  if (answer.kind === 'problem') return new CallFailed(`${operation.service}.${operation.name}`, answer.problem);
  const { data } = declaredError(operation, answer.name) ?? {};
  return new Failure(answer.name, await validated(operation, data, answer.data, `the data of ${answer.name}`));
}

interface Callee {
  readonly policy: Guard;
  readonly pool: InstancePool;
}

/** A transport as the only instance of its service. The caller does not close it. */
const only = (service: string, transport: Transport): Instances => ({
  source: staticInstances([service]),
  connect: () => ({ send: (request) => transport.send(request), close: async () => {} }),
});

/** Makes the calling side of a service or gateway. Calls reject with `Failure` for declared errors, else with a `SeaworthyError`. */
export function caller(deps: CallerDeps): ClosableCaller {
  checkOptions('caller', deps, depsNames);
  const { runtime, transportOf, policyOf, guardOf, balancer = roundRobin } = deps;
  function guardsOf(service: string, single: boolean): { readonly policy: Guard; readonly guardOf: (instance: Instance) => InstanceGuard } {
    // One instance for good, and the default policies: the same parts, in the same order, are one policy, at half the price.
    if (single && !policyOf && !guardOf)
      return { policy: policyOn(runtime, retry({ when: isRetryable }), ...guardParts(runtime, service)), guardOf: () => unguarded };
    return {
      policy: policyOf?.(service) ?? defaultPolicy(runtime),
      guardOf({ at }) {
        const instance = single ? undefined : at;
        return guardOf?.(service, instance) ?? policyOn(runtime, ...guardParts(runtime, service, instance));
      },
    };
  }

  const timeoutMs = milliseconds(deps.timeout ?? '5s', 'timeout');
  const callees = new Map<string, Callee>();
  let closed = false;
  function calleeOf(service: string): Callee {
    if (closed) throw new Unreachable(`${service} was not called: the caller is closed; call before its \`close\``, { absent: true });
    const known = callees.get(service);
    if (known) return known;
    const given = transportOf(service);
    const instances = 'send' in given ? only(service, given) : given;
    const { source } = instances;
    const { policy, guardOf: guardBy } = guardsOf(service, !source.watch && source.current().length === 1);
    const pool = new InstancePool(instances, { service, runtime, balancer: balancer(runtime), guardOf: guardBy });
    const callee = { policy, pool };
    callees.set(service, callee);
    return callee;
  }

  const deadlineOf = (given: Deadline | Duration | undefined): Deadline =>
    given === undefined
      ? new Deadline(runtime.clock, runtime.clock.monotonic() + timeoutMs, timeoutMs)
      : Deadline.from(runtime.clock, given).usually(timeoutMs);

  async function send(operation: BoundOperation, given: unknown, options: CallOptions): Promise<unknown> {
    const name = `${operation.service}.${operation.name}`;
    checkOptions(`a call of ${name}`, options, callNames);
    const deadline = deadlineOf(options.deadline);
    const key = checkedKey(options.key) ?? (operation.kind === 'command' ? runtime.ids.next() : undefined);
    const span = runtime.observe.span('seaworthy_call', { operation: name }, { kind: 'client', parent: options.trace });
    const history: CallHistory = { tried: new Set(), failed: undefined };
    // A copy: the caller may change its object before a later attempt.
    const json = asJson(given);
    // The transport refuses what JSON cannot represent.
    const input = 'value' in json ? json.value : given;
    try {
      const { policy, pool } = calleeOf(operation.service);
      // A problem is not an answer of the contract: the policy may retry it.
      const judge = (answer: Answer): Answer => {
        if (answer.kind === 'problem') throw new CallFailed(name, answer.problem);
        return answer;
      };
      const answer = await policy(
        ({ signal, attempt }) =>
          pool.send(history, { operation, input, key, deadline, undoes: options.undoes, attempt, trace: span.trace, signal }, judge),
        { signal: options.signal, deadline, key },
      );
      if (answer.kind !== 'output') throw await failureOf(operation, answer);
      const value = await validated(operation, operation.output, answer.output);
      span.end('output');
      return value;
    } catch (thrown) {
      // A rejection of a later attempt says that nothing was done. That is wrong if an earlier attempt was sent, so its error counts.
      const error = isA(thrown, LocalRejection) && history.failed ? history.failed.error : thrown;
      if (isA(error, Failure)) span.end('declared');
      else span.end(isA(error, SeaworthyError) ? error.kind : 'failed', error);
      throw error;
    }
  }

  const call: Caller = (operation, input, options = {}) =>
    reply(send(operation as unknown as BoundOperation, input, options) as Promise<never>, operation.errors as object);
  const close = async (): Promise<void> => {
    closed = true;
    await together([...callees.values()].map(({ pool }) => pool.close()));
  };
  return disposable(Object.assign(call, { close }));
}
