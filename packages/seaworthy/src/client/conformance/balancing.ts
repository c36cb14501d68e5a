import assert from 'node:assert/strict';
import { type Case, caseOf } from '../../core/case.ts';
import type { Random } from '../../core/random.ts';
import { runtime } from '../../core/runtime.ts';
import type { Balancer, BalancerDriver, Candidate } from '../balancer.ts';

const candidates = (names: string): readonly Candidate[] => [...names].map((at, inFlight) => ({ at, inFlight }));

/** Says how often each candidate came first. */
function firsts(balancer: Balancer, names: string, times: number): ReadonlyMap<string, number> {
  const all = candidates(names);
  const counts = new Map(all.map(({ at }) => [at, 0]));
  for (let time = 0; time < times; time++) {
    const first = balancer.order(all)[0]?.at as string;
    counts.set(first, (counts.get(first) ?? 0) + 1);
  }
  return counts;
}

function assertShares(counts: ReadonlyMap<string, number>, fair: number): void {
  for (const [at, count] of counts) assert.ok(count >= fair / 2 && count <= fair * 2, `${at} came first ${count} times, of about ${fair}`);
}

/**
 * Returns the suite of the balancer port, which every balancer runs as a whole. `seeded` returns a randomness of the same seed at each
 * call. The cases belong to no test runner: `for (const { name, run } of balancerConformance(driver, seeded)) test(name, run)`.
 */
export function balancerConformance(driver: BalancerDriver, seeded: () => Random): readonly Case[] {
  const named = (name: string, body: (balancer: Balancer) => void): Case =>
    caseOf(name, async () => body(driver(runtime({ random: seeded() }))));

  return [
    named('each candidate is in the order once, and nothing else is', (balancer) => {
      for (const names of ['', 'a', 'ab', 'abcdefg', 'gfe', 'a'])
        for (let time = 0; time < 5; time++) {
          const given = Object.freeze(candidates(names));
          const order = balancer.order(given);
          assert.notEqual(order, given);
          assert.equal(order.length, given.length);
          assert.deepEqual(new Set(order), new Set(given));
        }
    }),
    named('each candidate comes first in its share', (balancer) => {
      for (const names of ['ab', 'abc', 'abcdefg']) assertShares(firsts(balancer, names, 200 * names.length), 200);
    }),
    named('a candidate that joins gets its share, and the others share what one that left has had', (balancer) => {
      firsts(balancer, 'abc', 100);
      assertShares(firsts(balancer, 'abcd', 800), 200);
      assertShares(firsts(balancer, 'bd', 400), 200);
    }),
    caseOf('the same seed and the same attempts give the same orders', async () => {
      const [one, other] = [driver(runtime({ random: seeded() })), driver(runtime({ random: seeded() }))];
      for (const names of ['abc', 'abcd', 'ad', 'abc']) assert.deepEqual(one.order(candidates(names)), other.order(candidates(names)));
    }),
  ];
}
