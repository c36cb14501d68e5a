import type { Answer } from '../contract/answer.ts';
import { InputInvalid } from '../contract/input.ts';
import { problemOf } from '../contract/problem.ts';
import { type Duration, milliseconds } from '../core/duration.ts';
import type { Runtime } from '../core/runtime.ts';
import { isA } from '../core/thrown.ts';
import { LocalRejection } from '../resilience/errors.ts';
import type { Guard } from '../resilience/policy.ts';
import { Unreachable } from './errors.ts';
import type { CallRequest, Transport } from './transport.ts';

/** One of the places where a service is reached. */
export interface Instance {
  /** In names of metrics and in messages: its address. */
  readonly at: string;
  readonly transport: Transport;
}

export interface InstancesParts {
  readonly runtime: Runtime;
  readonly guardOf: (instance: Instance) => Guard;
  /** How long one that could not be reached is passed over while there are others. Default 1 s. */
  readonly aside?: Duration;
}

interface Place extends Instance {
  readonly guard: Guard;
  /** Until when it is passed over, as it could not be reached. */
  until: number;
}

/** Where one call has been. */
export interface Course {
  /** The instances that were sent an attempt. */
  readonly been: Set<string>;
  /** Why the last of these attempts failed. */
  failed: { readonly error: unknown } | undefined;
}

/** Sends one attempt, and notes it in the course of its call. */
export type Send = (course: Course, attempt: CallRequest, judged: (answer: Answer) => Answer) => Promise<Answer>;

/** What cannot even be sent is refused in the service's own words. */
function refused(error: unknown): Answer {
  if (isA(error, InputInvalid)) return { kind: 'problem', problem: problemOf(error) };
  throw error;
}

/**
 * Sends attempts to the instances of one service in turn, each behind a guard of its own, so that a sick one is no reason
 * to refuse the others. Those that could not be reached lately, and those that the same call has tried, come last; one whose
 * guard refuses is passed over at once. `judged` throws what of an answer is a failure of the instance.
 */
export function instances(all: readonly Instance[], { runtime, guardOf, aside = '1s' }: InstancesParts): Send {
  const { clock } = runtime;
  const asideMs = milliseconds(aside, 'aside');
  const places = all.map((instance): Place => ({ ...instance, guard: guardOf(instance), until: 0 }));
  let turn = 0;

  function inTurn(tried: ReadonlySet<string>): readonly Place[] {
    if (places.length < 2) return places;
    const now = clock.monotonic();
    const first = turn++ % places.length;
    const last = (place: Place): number => (place.until > now ? 2 : 0) + (tried.has(place.at) ? 1 : 0);
    return [...places.slice(first), ...places.slice(0, first)].sort((one, other) => last(one) - last(other));
  }

  return async (course, attempt, judged) => {
    let refusal: unknown;
    for (const place of inTurn(course.been)) {
      try {
        return await place.guard(
          ({ signal }) => {
            course.been.add(place.at);
            return place.transport.send({ ...attempt, signal }).then(judged, (error: unknown) => judged(refused(error)));
          },
          { signal: attempt.signal, deadline: attempt.deadline, key: attempt.key },
        );
      } catch (error) {
        if (isA(error, Unreachable)) place.until = clock.monotonic() + asideMs;
        if (!isA(error, LocalRejection)) {
          course.failed = { error };
          throw error;
        }
        refusal = error;
      }
    }
    throw refusal ?? new Unreachable(`${attempt.operation.service} has no address: give it one`);
  };
}
