import type { Keywords, Node } from '../contract/json-schema.ts';
import { apartOf } from './apart.ts';
import { demands, type Questions } from './demands.ts';
import { isAny, isNever } from './keywords.ts';
import type { Misfit } from './misfit.ts';
import { numbersOf } from './numbers.ts';
import { pairOf } from './pair.ts';
import { pairs } from './pairs.ts';
import type { Part } from './parts.ts';

/** One object, so that a schema which contains itself is seen to come back to it. */
const anything: Keywords = {};

/** Counts what is looked at, and how much of it there may be. */
export interface Meter {
  steps: number;
  readonly most: number;
}

class TooMany extends Error {}

const unfinished: Misfit = {
  ...{ path: '', rule: 'size', verdict: 'cannot tell' },
  ...{ needs: 'must be small enough to be compared', may: 'has more forms than are tried' },
};

/**
 * Whether everything that `writer` may write is accepted by `reader`: no finding says that it is. What cannot be told is a
 * finding too. A field that neither the writer's `properties` nor its `additionalProperties` name is taken as never written.
 * What is reached by reference in several ways is told at its nearest place. The steps grow with the product of both sizes.
 */
export function accepts(reader: Node, writer: Node, meter: Meter = { steps: 0, most: 1_000_000 }): readonly Misfit[] {
  const step = (): void => {
    meter.steps++;
    if (meter.steps > meter.most) throw new TooMany();
  };
  const pair = pairOf(reader, writer, step);
  const [readerNumber, writerNumber] = numbersOf(reader, writer);
  const same = (r: Node, w: Node): boolean => readerNumber(r) === writerNumber(w);
  const questions: Questions = { pair, holds, apart: apartOf(pair), same };

  /** The two as they are compared; `undefined` where nothing is to be found, or a finding. */
  function facing(part: Part): readonly [Keywords, Keywords] | Misfit | undefined {
    const [r, w] = [pair.readerOf(part.reader), pair.writerOf(part.writer)];
    if (isAny(r) || isNever(w, pair.writerOf)) return undefined;
    if (isNever(r, pair.readerOf))
      return { path: '', rule: 'nothing', verdict: 'breaking', needs: 'must not be there', may: 'may be there' };
    const both = [r as Keywords, w === true ? anything : (w as Keywords)] as const;
    return same(...both) ? undefined : both;
  }

  // What is in progress or was found to hold is taken as holding; of what did not hold, all that was taken on the way to it is
  // taken back, while its own failure is certain: it failed although everything open was in its favour.
  const [taken, failed] = [pairs(), pairs()];
  const trail: (readonly [Keywords, Keywords])[] = [];
  function holds(givenReader: Node, givenWriter: Node): boolean {
    const both = facing({ reader: givenReader, writer: givenWriter, path: '' });
    if (both === undefined) return true;
    if ('path' in both) return false;
    if (failed.has(...both)) return false;
    if (taken.has(...both)) return true;
    step();
    const begun = trail.push(both) - 1;
    taken.add(...both);
    const { found, parts } = demands(...both, questions);
    if (found.length === 0 && parts.every((part) => holds(part.reader, part.writer))) return true;
    for (const undone of trail.splice(begun)) taken.delete(...undone);
    failed.add(...both);
    return false;
  }

  const found: Misfit[] = [];
  try {
    const [told, doubted] = [pairs(), pairs()];
    const queue: Part[] = [{ reader, writer, path: '' }];
    for (const part of queue) {
      const doubt = (one: Misfit): Misfit => ({
        ...one,
        path: `${part.path}${one.path}`,
        ...(part.doubtful && { verdict: 'cannot tell' }),
      });
      const both = facing(part);
      if (both === undefined) continue;
      if ('path' in both) {
        found.push(doubt(both));
        continue;
      }
      if (told.has(...both) || (part.doubtful && doubted.has(...both))) continue;
      (part.doubtful ? doubted : told).add(...both);
      step();
      const next = demands(...both, questions);
      found.push(...next.found.map(doubt));
      for (const one of next.parts)
        queue.push({ ...one, path: `${part.path}${one.path}`, doubtful: part.doubtful === true || one.doubtful === true });
    }
  } catch (error) {
    if (!(error instanceof TooMany)) throw error;
    found.push(unfinished);
  }
  const seen = new Set<string>();
  return found.filter((misfit) => {
    const key = JSON.stringify(misfit);
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}
