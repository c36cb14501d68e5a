import type { BalancerDriver } from '../balancer.ts';

/** Balances by chance: every order is as likely as any other. Many callers that start together do not move in step. */
export const randomOrder: BalancerDriver = ({ random }) => ({
  order(candidates) {
    const rest = [...candidates];
    return candidates.map(() => rest.splice(Math.floor(random.next() * rest.length), 1)[0] as (typeof rest)[number]);
  },
});
