import type { Deadline } from '../core/deadline.ts';
import { breaker } from './breaker.ts';
import { bulkhead } from './bulkhead.ts';
import { keyed } from './keyed.ts';
import { deadline, fallback, timeout } from './parts.ts';
import { type Policy, policy } from './policy.ts';
import { retry } from './retry.ts';

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const same = <A, B>(..._: Same<A, B> extends true ? [] : [never]): void => {};

interface Price {
  readonly cents: number;
}
declare const price: Price;

const guard = policy(deadline('2s'), retry({ attempts: 3 }), breaker(), bulkhead({ limit: 20 }), timeout('500ms'));
same<typeof guard, Policy<never>>();

// A guard returns the awaited result of the work.
const one = guard(async ({ signal, attempt }) => {
  same<typeof signal, AbortSignal>();
  same<typeof attempt, number>();
  return price;
});
same<typeof one, Promise<Price>>();
const plain = guard(() => 5);
same<typeof plain, Promise<number>>();

// A fallback adds the type of its answer.
const safe = policy(
  retry(),
  fallback(() => undefined),
);
const maybe = safe(async () => price);
same<typeof maybe, Promise<Price | undefined>>();
const later = policy(
  fallback(async (error) => {
    same<typeof error, unknown>();
    return 'instead';
  }),
)(() => 5);
same<typeof later, Promise<string | number>>();

// A keyed policy keeps the types of key and policy.
const guards = keyed((_host: `${string}:${number}`) => policy(timeout('1s')));
const keptTypes = guards.of('a:80')(() => price);
same<typeof keptTypes, Promise<Price>>();
// @ts-expect-error: the key must be a host with a port
guards.of('a');

// A call has a moment or a time from now for its deadline.
declare const moment: Deadline;
declare const date: Date;
guard(() => 5, { deadline: moment });
guard(() => 5, { deadline: '2s' });
// @ts-expect-error: a deadline is not a number
guard(() => 5, { deadline: 2000 });
// @ts-expect-error: nor a date
guard(() => 5, { deadline: date });

// @ts-expect-error: a duration has a unit
timeout('500');
// @ts-expect-error: a duration is not a number
deadline(2000);
// @ts-expect-error: a bulkhead has a limit
bulkhead({});
// @ts-expect-error: a policy consists of parts
policy({ attempts: 3 });
// @ts-expect-error: the work is a function
guard(Promise.resolve(5));
// @ts-expect-error: there is no such mode
breaker().set('isolated');
