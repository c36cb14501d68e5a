import { type Case, caseOf } from '../core/case.ts';
import { ending } from './conformance/ending.ts';
import { type Ground, runCase, type SuiteOptions } from './conformance/ground.ts';
import { losing } from './conformance/losing.ts';
import { migrating } from './conformance/migrating.ts';
import { reading } from './conformance/reading.ts';
import { transacting } from './conformance/transacting.ts';
import { unique } from './conformance/unique.ts';
import { wording } from './conformance/wording.ts';
import { working } from './conformance/working.ts';

export type { Case, CaseContext } from '../core/case.ts';
export type { Ground, SuiteOptions } from './conformance/ground.ts';

/**
 * Returns the suite of the store port, which every driver runs as a whole. `fresh` returns a driver without databases, once for each
 * case. The cases belong to no test runner: `for (const { name, run } of conformance(fresh)) test(name, run)`.
 */
export const conformance = (fresh: () => Ground | Promise<Ground>, options: SuiteOptions = {}): readonly Case[] =>
  [...transacting, ...losing, ...unique, ...ending, ...reading, ...wording, ...migrating, ...working].map((one) =>
    caseOf(one.name, async () => runCase(await fresh(), options, one)),
  );
