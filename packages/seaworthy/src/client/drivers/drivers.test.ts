import { describe, test } from 'node:test';
import { seededRandom } from '../../testing/clock.ts';
import type { BalancerDriver } from '../balancer.ts';
import { balancing } from '../conformance/balancing.ts';
import { changing, listing } from '../conformance/listing.ts';
import { mutableInstances } from './mutable-instances.ts';
import { randomOrder } from './random-order.ts';
import { roundRobin } from './round-robin.ts';
import { staticInstances } from './static-instances.ts';

const balancers: Readonly<Record<string, BalancerDriver>> = { roundRobin, randomOrder };
for (const [name, driver] of Object.entries(balancers))
  describe(name, () => {
    for (const one of balancing(driver, () => seededRandom(1))) test(one.name, one.run);
  });

describe('staticInstances', () => {
  for (const { name, run } of listing((addresses) => ({ source: staticInstances(addresses) }))) test(name, run);
});

describe('mutableInstances', () => {
  const open = (addresses: readonly string[]) => {
    const source = mutableInstances(addresses);
    return { source, change: source.set };
  };
  for (const { name, run } of [...listing(open), ...changing(open)]) test(name, run);
});
