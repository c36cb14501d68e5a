import type { Answer } from '../contract/answer.ts';
import type { At, Operation } from '../contract/contract.ts';
import { checkedKey } from '../contract/headers.ts';
import { InputInvalid } from '../contract/input.ts';
import { problemOf } from '../contract/problem.ts';
import { examine, type Schema, sentence } from '../contract/schema.ts';
import { Deadline } from '../core/deadline.ts';
import type { Duration } from '../core/duration.ts';
import type { Runtime } from '../core/runtime.ts';
import { breaker } from '../resilience/breaker.ts';
import { bulkhead } from '../resilience/bulkhead.ts';
import { type Guard, policyOn } from '../resilience/policy.ts';
import { retry } from '../resilience/retry.ts';
import { type Callable, Failure, type Reply, reply } from './call.ts';
import { AnswerInvalid, CallFailed } from './errors.ts';
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
}

/** Calls operations of services, typed by their contracts. */
export type Caller = <Sent, Output, E>(
  operation: Callable<string, Sent, Output, E>,
  input: NoInfer<Sent>,
  options?: CallOptions,
) => Reply<Output, E>;

export interface CallerParts {
  readonly runtime: Runtime;
  readonly transportOf: (service: string) => Transport;
  /** One policy a callee. Default: 3 attempts within the deadline, a breaker (5 failures, 30 s, 2 successes), 100 calls at one time. */
  readonly policyOf?: (service: string) => Guard;
  /** The default deadline of a call. Default 5 s. */
  readonly timeout?: Duration;
}

/** The policy that calls to a service have unless they are given another. */
export const defaultPolicy = (runtime: Runtime, service: string): Guard =>
  policyOn(runtime, retry(), breaker({ name: service, runtime }), bulkhead({ name: service, limit: 100, queue: 1000 }));

type Bound = Operation & At;

async function resultOf(operation: Bound, answer: Answer): Promise<unknown> {
  const name = `${operation.service}.${operation.name}`;
  async function promised(schema: Schema | undefined, value: unknown, what: string): Promise<unknown> {
    if (!schema) return undefined;
    const result = await examine(schema, value);
    if ('value' in result) return result.value;
    throw new AnswerInvalid(
      `${what} of ${name} is not what its contract promises (${sentence(result.findings)}): do both sides have the same contract?`,
    );
  }
  if (answer.kind === 'output') return promised(operation.output, answer.output, 'the output');
  if (answer.kind === 'problem') throw new CallFailed(name, answer.problem);
  const { data } = (operation.errors as Readonly<Record<string, { readonly data?: Schema }>>)[answer.name] ?? {};
  throw new Failure(answer.name, await promised(data, answer.data, `the data of ${answer.name}`));
}

/** Makes the calling side of a service or gateway. Calls reject with `Failure` for declared errors, else with a `SeaworthyError`. */
export function caller({
  runtime,
  transportOf,
  policyOf = (service) => defaultPolicy(runtime, service),
  timeout = '5s',
}: CallerParts): Caller {
  const policies = new Map<string, Guard>();
  const guardOf = (service: string): Guard => {
    const guard = policies.get(service) ?? policyOf(service);
    policies.set(service, guard);
    return guard;
  };

  /** What cannot even be sent is refused in the service's own words. */
  function refused(error: unknown): Answer {
    if (error instanceof InputInvalid) return { kind: 'problem', problem: problemOf(error) };
    throw error;
  }

  async function send(operation: Bound, input: unknown, options: CallOptions): Promise<unknown> {
    const name = `${operation.service}.${operation.name}`;
    const deadline = options.deadline ?? Deadline.after(runtime.clock, timeout);
    const key = checkedKey(options.key) ?? (operation.kind === 'command' ? runtime.ids.next() : undefined);
    const span = runtime.observe.span('seaworthy_call', { operation: name });
    try {
      const transport = transportOf(operation.service);
      const answer = await guardOf(operation.service)(
        async ({ signal, attempt }) => {
          const answered = await transport
            .send({ operation, input, key, deadline, undoes: options.undoes, attempt, signal })
            .catch(refused);
          // What is no answer of the contract is the policy's to judge, and perhaps to try again.
          if (answered.kind === 'problem') throw new CallFailed(name, answered.problem);
          return answered;
        },
        { signal: options.signal, deadline },
      );
      const value = await resultOf(operation, answer);
      span.end('output');
      return value;
    } catch (error) {
      span.end(error instanceof Failure ? 'declared' : ((error as { kind?: string }).kind ?? 'failed'));
      throw error;
    }
  }

  return (operation, input, options = {}) =>
    reply(send(operation as unknown as Bound, input, options) as Promise<never>, Object.keys(operation.errors as object));
}
