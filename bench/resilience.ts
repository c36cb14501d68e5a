import * as cockatiel from 'cockatiel';
import * as mollitia from 'mollitia';
import Opossum from 'opossum';
import { breaker, bulkhead, deadline, policy, retry, timeout } from 'seaworthy/resilience';
import { bench } from './harness.ts';

const work = async (): Promise<number> => 1;
const wrapper = async (): Promise<number> => await work();
type Call = () => PromiseLike<unknown>;

/** Measures the nanoseconds of a call. */
async function nanoseconds(call: Call, calls: number): Promise<number> {
  for (let index = 0; index < calls / 10; index++) await call();
  const began = process.hrtime.bigint();
  for (let index = 0; index < calls; index++) await call();
  return Number(process.hrtime.bigint() - began) / calls;
}

/** Measures the bytes that a call allocates, by the growth of the heap without a collection. */
async function bytes(call: Call, calls: number): Promise<number> {
  for (let index = 0; index < 2000; index++) await call();
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 5; round++) {
    globalThis.gc?.();
    const before = process.memoryUsage().heapUsed;
    for (let index = 0; index < calls; index++) await call();
    const grown = (process.memoryUsage().heapUsed - before) / calls;
    if (grown > 0) least = Math.min(least, grown);
  }
  return least;
}

/** Measures the bytes that one idle instance holds. */
function held(make: () => unknown, count = 20_000): number {
  const kept: unknown[] = new Array(count);
  make();
  globalThis.gc?.();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  for (let index = 0; index < count; index++) kept[index] = make();
  globalThis.gc?.();
  const now = process.memoryUsage();
  const each = (now.heapUsed - heapUsed + (now.arrayBuffers - arrayBuffers)) / count;
  if (kept.length !== count) throw new Error('they are kept until here');
  return each;
}

const guardBreaker = policy(breaker());
const cockatielBreaker = cockatiel.circuitBreaker(cockatiel.handleAll, {
  halfOpenAfter: 30_000,
  breaker: new cockatiel.ConsecutiveBreaker(5),
});
const opossumBreaker = new Opossum(work, { timeout: false });
const mollitiaBreaker = new mollitia.Circuit({
  options: { modules: [new mollitia.SlidingCountBreaker({ slidingWindowSize: 10, minimumNumberOfCalls: 5, openStateDelay: 30_000 })] },
});

const guard = policy(deadline('5s'), retry({ attempts: 3 }), breaker(), bulkhead({ limit: 20 }), timeout('2s'));
const wrap = cockatiel.wrap(
  cockatiel.timeout(5000, cockatiel.TimeoutStrategy.Aggressive),
  cockatiel.retry(cockatiel.handleAll, { maxAttempts: 2, backoff: new cockatiel.ExponentialBackoff() }),
  cockatiel.circuitBreaker(cockatiel.handleAll, { halfOpenAfter: 30_000, breaker: new cockatiel.ConsecutiveBreaker(5) }),
  cockatiel.bulkhead(20, 20),
  cockatiel.timeout(2000, cockatiel.TimeoutStrategy.Aggressive),
);
const opossumAll = new Opossum(work, { timeout: 2000, capacity: 20 });
const mollitiaAll = new mollitia.Circuit({
  options: {
    modules: [
      new mollitia.Retry({ attempts: 2 }),
      new mollitia.SlidingCountBreaker({ slidingWindowSize: 10, minimumNumberOfCalls: 5, openStateDelay: 30_000 }),
      new mollitia.Bulkhead({ concurrentSize: 20, queueSize: 20 }),
      new mollitia.Timeout({ delay: 2000 }),
    ],
  },
});

const call = {
  breaker: {
    ours: () => guardBreaker(work),
    cockatiel: () => cockatielBreaker.execute(work),
    opossum: () => opossumBreaker.fire(),
    mollitia: () => mollitiaBreaker.fn(work).execute(),
  },
  policy: {
    ours: () => guard(work),
    cockatiel: () => wrap.execute(work),
    opossum: () => opossumAll.fire(),
    mollitia: () => mollitiaAll.fn(work).execute(),
  },
} satisfies Record<string, Record<string, Call>>;

await bench(
  'resilience',
  [
    {
      metric: 'breaker call',
      unit: 'ns',
      ours: () => nanoseconds(call.breaker.ours, 200_000),
      peers: {
        cockatiel: () => nanoseconds(call.breaker.cockatiel, 200_000),
        opossum: () => nanoseconds(call.breaker.opossum, 20_000),
        mollitia: () => nanoseconds(call.breaker.mollitia, 20_000),
      },
      limit: { name: 'bare wrapper', run: () => nanoseconds(wrapper, 200_000) },
    },
    {
      metric: 'policy call',
      unit: 'ns',
      ours: () => nanoseconds(call.policy.ours, 100_000),
      peers: {
        cockatiel: () => nanoseconds(call.policy.cockatiel, 10_000),
        opossum: () => nanoseconds(call.policy.opossum, 10_000),
        mollitia: () => nanoseconds(call.policy.mollitia, 10_000),
      },
      limit: { name: 'bare wrapper', run: () => nanoseconds(wrapper, 100_000) },
    },
    {
      metric: 'policy bytes',
      unit: 'bytes',
      ours: () => bytes(call.policy.ours, 2000),
      peers: { cockatiel: () => bytes(call.policy.cockatiel, 500), mollitia: () => bytes(call.policy.mollitia, 500) },
      limit: { name: 'bare wrapper', run: () => bytes(wrapper, 2000) },
    },
    {
      metric: 'idle breaker bytes',
      unit: 'bytes',
      ours: () => held(() => breaker()),
      peers: {
        cockatiel: () =>
          held(() =>
            cockatiel.circuitBreaker(cockatiel.handleAll, { halfOpenAfter: 30_000, breaker: new cockatiel.ConsecutiveBreaker(5) }),
          ),
      },
    },
  ],
  {
    notes: () => [
      'Policy: deadline, retry, breaker, bulkhead and timeout together; cockatiel as the equivalent `wrap`; opossum has no retry or deadline, mollitia no deadline.',
      'Bytes: what the heap grows by a call while nothing is collected; idle: what an instance holds after a collection.',
    ],
  },
);
process.exit(0);
