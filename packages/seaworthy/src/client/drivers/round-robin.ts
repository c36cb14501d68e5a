import type { BalancerDriver } from '../balancer.ts';

/** Balances in turn: each attempt begins one instance further. */
export const roundRobin: BalancerDriver = () => {
  let turn = 0;
  return {
    order(candidates) {
      const first = candidates.length > 0 ? turn++ % candidates.length : 0;
      return [...candidates.slice(first), ...candidates.slice(0, first)];
    },
  };
};
