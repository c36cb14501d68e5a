import { bodies } from './bodies.ts';
import { diceOf } from './dice.ts';
import { headers } from './headers.ts';
import { methods } from './methods.ts';
import { paths } from './paths.ts';
import type { Shot } from './shot.ts';
import { sockets } from './sockets.ts';
import { type Spot, type Target, targets } from './spots.ts';

const families = [bodies, bodies, headers, headers, paths, methods, sockets];

export interface Aimed {
  readonly index: number;
  readonly shot: Shot;
  readonly target: Target;
  readonly spot: Spot;
}

/** Makes the request with an index, which the seed and the index determine. */
export function aimed(seed: number, index: number): Aimed {
  const dice = diceOf(seed, index);
  const target = dice.chance(0.4) ? (targets[0] as Target) : dice.pick(targets.slice(1));
  const picked = dice.pick(target.spots);
  const { orderId } = picked.sample;
  const spot = orderId === undefined ? picked : { ...picked, sample: { ...picked.sample, orderId: `fuzz-${dice.whole(1, 99)}` } };
  const family = dice.pick(families);
  const generate = dice.pick(Object.values(family));
  return { index, target, spot, shot: generate({ dice, target, spot }) };
}
