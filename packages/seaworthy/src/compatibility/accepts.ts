import type { Keywords, Node } from '../contract/json-schema.ts';
import { demands, type Questions } from './demands.ts';
import { disjointOf } from './disjoint.ts';
import { isAny, isNever } from './keywords.ts';
import type { Comparison } from './members.ts';
import type { Mismatch } from './mismatch.ts';
import { numbersOf } from './numbers.ts';
import { pairOf } from './pair.ts';
import { pairSet } from './pair-set.ts';

/** A constant object for the schema that accepts everything, so that recursion is recognised by identity. */
const anything: Keywords = {};

/** Counts the steps of a comparison, and bounds them. */
export interface Meter {
  steps: number;
  readonly most: number;
}

class TooMany extends Error {}

const unfinished: Mismatch = {
  ...{ path: '', rule: 'size', severity: 'undecided' },
  ...{ needs: 'must be small enough to be compared', may: 'has more forms than the check tries' },
};

/**
 * Finds what `writer` may write and `reader` does not accept; without a mismatch `reader` accepts everything. An undecided place is a
 * mismatch too. A field that neither the writer's `properties` nor its `additionalProperties` name is taken as never written.
 * A schema that is referred to from several places is reported at the nearest of them. The steps grow with the product of both sizes.
 */
export function accepts(reader: Node, writer: Node, meter: Meter = { steps: 0, most: 1_000_000 }): readonly Mismatch[] {
  const step = (): void => {
    meter.steps++;
    if (meter.steps > meter.most) throw new TooMany();
  };
  const pair = pairOf(reader, writer, step);
  const [readerNumber, writerNumber] = numbersOf(reader, writer);
  const same = (r: Node, w: Node): boolean => readerNumber(r) === writerNumber(w);
  const questions: Questions = { pair, holds, disjoint: disjointOf(pair), same };

  /** The two schemas as they are compared; `undefined` where there is no mismatch, or the mismatch itself. */
  function resolved(comparison: Comparison): readonly [Keywords, Keywords] | Mismatch | undefined {
    const [r, w] = [pair.readerOf(comparison.reader), pair.writerOf(comparison.writer)];
    if (isAny(r) || isNever(w, pair.writerOf)) return undefined;
    if (isNever(r, pair.readerOf))
      return { path: '', rule: 'nothing', severity: 'breaking', needs: 'must not be there', may: 'may be there' };
    const both = [r as Keywords, w === true ? anything : (w as Keywords)] as const;
    return same(...both) ? undefined : both;
  }

  // A pair in progress is assumed to hold. When a pair fails, the assumptions made on the way to it are withdrawn, while its own
  // failure is certain: it failed although everything assumed was in its favour.
  const [assumed, failed] = [pairSet(), pairSet()];
  const trail: (readonly [Keywords, Keywords])[] = [];
  function holds(givenReader: Node, givenWriter: Node): boolean {
    const both = resolved({ reader: givenReader, writer: givenWriter, path: '' });
    if (both === undefined) return true;
    if ('path' in both) return false;
    if (failed.has(...both)) return false;
    if (assumed.has(...both)) return true;
    step();
    const begun = trail.push(both) - 1;
    assumed.add(...both);
    const { mismatches, comparisons } = demands(...both, questions);
    if (mismatches.length === 0 && comparisons.every((one) => holds(one.reader, one.writer))) return true;
    for (const withdrawn of trail.splice(begun)) assumed.delete(...withdrawn);
    failed.add(...both);
    return false;
  }

  const found: Mismatch[] = [];
  try {
    const [reported, doubted] = [pairSet(), pairSet()];
    const queue: Comparison[] = [{ reader, writer, path: '' }];
    for (const comparison of queue) {
      const doubt = (one: Mismatch): Mismatch => ({
        ...one,
        path: `${comparison.path}${one.path}`,
        ...(comparison.doubtful && { severity: 'undecided' }),
      });
      const both = resolved(comparison);
      if (both === undefined) continue;
      if ('path' in both) {
        found.push(doubt(both));
        continue;
      }
      if (reported.has(...both) || (comparison.doubtful && doubted.has(...both))) continue;
      (comparison.doubtful ? doubted : reported).add(...both);
      step();
      const next = demands(...both, questions);
      found.push(...next.mismatches.map(doubt));
      for (const one of next.comparisons)
        queue.push({ ...one, path: `${comparison.path}${one.path}`, doubtful: comparison.doubtful === true || one.doubtful === true });
    }
  } catch (error) {
    if (!(error instanceof TooMany)) throw error;
    found.push(unfinished);
  }
  const seen = new Set<string>();
  return found.filter((mismatch) => {
    const key = JSON.stringify(mismatch);
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}
