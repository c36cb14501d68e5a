import { type Case, caseOf } from '../core/case.ts';
import { delivering } from './conformance/delivering.ts';
import { type Ground, runCase, type SuiteOptions } from './conformance/ground.ts';
import { moving } from './conformance/moving.ts';
import { publishing } from './conformance/publishing.ts';
import { registering } from './conformance/registering.ts';

export type { Case, CaseContext } from '../core/case.ts';
export type { Ground, MemberProcess, SuiteOptions } from './conformance/ground.ts';

/**
 * Returns the suite of the bus port, which every driver runs as a whole. `fresh` returns a bus with nothing on it, once for each case.
 * The cases belong to no test runner: `for (const { name, run } of conformance(fresh)) test(name, run)`.
 */
export const conformance = (fresh: () => Ground | Promise<Ground>, options: SuiteOptions = {}): readonly Case[] =>
  [...delivering, ...moving, ...publishing, ...registering].map((one) =>
    caseOf(one.name, async () => {
      const ground = await fresh();
      try {
        return await runCase(ground, options, one);
      } finally {
        await ground.end?.();
      }
    }),
  );
