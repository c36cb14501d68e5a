import { delivering } from './conformance/delivering.ts';
import { type Ground, type Parts, runCase } from './conformance/ground.ts';
import { moving } from './conformance/moving.ts';
import { publishing } from './conformance/publishing.ts';
import { registering } from './conformance/registering.ts';

export type { Ground, MemberProcess, Parts } from './conformance/ground.ts';

/** One promise of the port, and how to see it kept. */
export interface Case {
  readonly name: string;
  /** Resolves with the name of a feature that the driver lacks, where the case does not concern it: then report it as skipped. */
  readonly run: () => Promise<string | void>;
}

/** The suite of the bus port, which every driver runs. `fresh` returns a bus with nothing on it at each call. */
export const conformance = (fresh: () => Ground, parts: Parts = {}): readonly Case[] =>
  [...delivering, ...moving, ...publishing, ...registering].map((one) => ({
    name: one.name,
    run: () => runCase(fresh(), parts, one),
  }));
