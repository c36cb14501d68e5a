import type { Answer } from '../contract/answer.ts';
import { InputInvalid } from '../contract/input.ts';
import { problemOf } from '../contract/problem.ts';
import { type Duration, milliseconds } from '../core/duration.ts';
import { together } from '../core/ends.ts';
import type { Runtime } from '../core/runtime.ts';
import { isA } from '../core/thrown.ts';
import { LocalRejection } from '../resilience/errors.ts';
import type { Guard } from '../resilience/policy.ts';
import type { Balancer, Candidate } from './balancer.ts';
import { Unreachable } from './errors.ts';
import type { Instance, InstanceSource } from './instance-source.ts';
import type { CallRequest, Transport } from './transport.ts';

/** The instances of a service, and how a caller reaches them. */
export interface Instances {
  readonly source: InstanceSource;
  /** Opens a transport to an instance. The caller closes it once the instance has left and its last call has ended. */
  readonly connect: (instance: Instance) => Transport;
}

/** A guard that the caller itself has made, and takes out of the gauges when its instance has left. */
export type InstanceGuard = Guard & { dispose?(): void };

export interface InstancePoolDeps {
  readonly service: string;
  readonly runtime: Runtime;
  readonly balancer: Balancer;
  readonly guardOf: (instance: Instance) => InstanceGuard;
  /** How long an instance that could not be reached comes last. Default 1 s. */
  readonly cooldown?: Duration;
}

interface Member extends Candidate {
  readonly transport: Transport;
  readonly guard: InstanceGuard;
  inFlight: number;
  /** The source does not list it any more. */
  left: boolean;
  /** Until when it comes last, as it could not be reached. */
  coolUntil: number;
}

/** The attempts of one call so far. */
export interface CallHistory {
  /** The addresses of the instances that were sent an attempt. */
  readonly tried: Set<string>;
  /** The error of the last of these attempts. */
  failed: { readonly error: unknown } | undefined;
}

/** Makes the problem that the service would answer of an input that cannot be sent. */
function refusalOf(error: unknown): Answer {
  if (isA(error, InputInvalid)) return { kind: 'problem', problem: problemOf(error) };
  throw error;
}

/**
 * Sends attempts to the instances of one service in the order of a balancer, each behind a guard of its own, so that a sick one is
 * no reason to refuse the others. Those that could not be reached lately, and those that the same call has tried, come last; one
 * whose guard refuses is passed over at once. The pool follows its source: an instance that joins is used at once, and one that left
 * is sent nothing more, ends its calls, and is closed.
 */
export class InstancePool {
  readonly #deps: InstancePoolDeps;
  readonly #instances: Instances;
  readonly #cooldownMs: number;
  /** Those that are listed, and those that left and still have calls in flight. */
  readonly #members = new Map<string, Member>();
  #listed: readonly Member[] = [];
  /** Why an instance that is listed could not be opened. */
  #unopened: unknown;
  readonly #leave: () => void;

  constructor(instances: Instances, deps: InstancePoolDeps) {
    this.#deps = deps;
    this.#instances = instances;
    this.#cooldownMs = milliseconds(deps.cooldown ?? '1s', 'cooldown');
    this.#leave = instances.source.watch?.(() => this.#follow()) ?? (() => {});
    this.#follow();
  }

  /** Sends one attempt, and notes it in the history of its call. `judge` throws what of an answer is a failure of the instance. */
  async send(history: CallHistory, request: CallRequest, judge: (answer: Answer) => Answer): Promise<Answer> {
    const { clock } = this.#deps.runtime;
    let refusal: unknown;
    for (const member of this.#ordered(history.tried)) {
      try {
        const answer = await this.#attempt(member, history, request, judge);
        if (answer) return answer;
      } catch (error) {
        if (isA(error, Unreachable)) member.coolUntil = clock.monotonic() + this.#cooldownMs;
        if (!isA(error, LocalRejection)) {
          history.failed = { error };
          throw error;
        }
        refusal = error;
      }
    }
    const { service } = this.#deps;
    throw (
      refusal ??
      new Unreachable(`${service} has no instance now: a call needs one; start ${service}, or give its address`, {
        absent: true,
        cause: this.#unopened,
      })
    );
  }

  /** Forgets the source, and closes all transports. Calls in flight reject. */
  async close(): Promise<void> {
    this.#leave();
    const all = [...this.#members.values()];
    this.#members.clear();
    this.#listed = [];
    await together(all.map((member) => this.#end(member)));
  }

  /** One attempt at one instance, or nothing where the instance left while its guard let the attempt wait. */
  async #attempt(
    member: Member,
    history: CallHistory,
    request: CallRequest,
    judge: (answer: Answer) => Answer,
  ): Promise<Answer | undefined> {
    member.inFlight++;
    try {
      return await member.guard<Answer | undefined>(
        ({ signal }) => {
          if (member.left) return undefined;
          history.tried.add(member.at);
          return member.transport.send({ ...request, signal }).then(judge, (error: unknown) => judge(refusalOf(error)));
        },
        { signal: request.signal, deadline: request.deadline, key: request.key },
      );
    } finally {
      member.inFlight--;
      this.#closeIfDone(member);
    }
  }

  #ordered(tried: ReadonlySet<string>): readonly Member[] {
    const all = this.#listed;
    if (all.length < 2) return all;
    const now = this.#deps.runtime.clock.monotonic();
    const rank = ({ at, coolUntil }: Member): number => (coolUntil > now ? 2 : 0) + (tried.has(at) ? 1 : 0);
    return this.#deps.balancer.order(all).toSorted((one, other) => rank(one) - rank(other));
  }

  #follow(): void {
    const listed = this.#instances.source.current();
    const addresses = new Set(listed.map(({ at }) => at));
    for (const member of this.#members.values()) {
      member.left = !addresses.has(member.at);
      this.#closeIfDone(member);
    }
    for (const instance of listed) if (!this.#members.has(instance.at)) this.#join(instance);
    this.#listed = [...this.#members.values()].filter(({ left }) => !left);
  }

  #join(instance: Instance): void {
    const { service, runtime, guardOf } = this.#deps;
    try {
      const transport = this.#instances.connect(instance);
      const guard = guardOf(instance);
      this.#members.set(instance.at, { at: instance.at, transport, guard, inFlight: 0, left: false, coolUntil: 0 });
    } catch (error) {
      this.#unopened = error;
      runtime.observe.log('error', `instance of ${service} not used: its transport could not be opened`, { instance: instance.at, error });
    }
  }

  #closeIfDone(member: Member): void {
    if (!member.left || member.inFlight > 0 || !this.#members.delete(member.at)) return;
    this.#end(member).catch((error: unknown) =>
      this.#deps.runtime.observe.log('warn', `transport to an instance of ${this.#deps.service} not closed`, {
        instance: member.at,
        error,
      }),
    );
  }

  #end({ guard, transport }: Member): Promise<void> {
    guard.dispose?.();
    return transport.close();
  }
}
