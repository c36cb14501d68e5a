import { describe, test } from 'node:test';
import { seededRandom } from '../../testing/clock.ts';
import type { BalancerDriver } from '../balancer.ts';
import { balancerConformance, changingInstanceSourceConformance, instanceSourceConformance } from '../conformance.ts';
import { mutableInstances } from './mutable-instances.ts';
import { randomOrder } from './random-order.ts';
import { roundRobin } from './round-robin.ts';
import { staticInstances } from './static-instances.ts';

const balancers: Readonly<Record<string, BalancerDriver>> = { roundRobin, randomOrder };
for (const [name, driver] of Object.entries(balancers))
  describe(name, () => {
    for (const one of balancerConformance(driver, () => seededRandom(1))) test(one.name, one.run);
  });

describe('staticInstances', () => {
  for (const { name, run } of instanceSourceConformance((addresses) => ({ source: staticInstances(addresses) }))) test(name, run);
});

describe('mutableInstances', () => {
  const open = (addresses: readonly string[]) => {
    const source = mutableInstances(addresses);
    return { source, change: source.set };
  };
  for (const { name, run } of [...instanceSourceConformance(open), ...changingInstanceSourceConformance(open)]) test(name, run);
});
