import { isOf, type Keywords, type Node } from '../contract/json-schema.ts';
import { constraints } from '../contract/references.ts';
import { admits } from './admits.ts';
import { apart } from './apart.ts';
import { equal, hasRef, isAny, isNever, listed, typesIn, unjudged } from './keywords.ts';
import { fieldLimits, listLimits, numberLimits, textLimits } from './limits.ts';
import type { Misfit, Say } from './misfit.ts';
import { pairOf } from './pair.ts';
import { entries, fields } from './parts.ts';
import { merge, ways } from './ways.ts';
import { listOf, typeNames } from './words.ts';

/** One object, so that a schema which contains itself is seen to come back to it. */
const anything: Keywords = {};

/**
 * Whether everything that `writer` may write is accepted by `reader`: no finding says that it is. What cannot be told is a
 * finding too. A field that neither the writer's `properties` nor its `additionalProperties` name is taken as never written.
 */
export function accepts(reader: Node, writer: Node): readonly Misfit[] {
  const pair = pairOf(reader, writer);
  const { readerOf, writerOf, derive } = pair;
  const inProgress = new WeakMap<object, Set<object>>();

  function alternatives(r: Keywords, w: Node, name: 'anyOf' | 'oneOf', path: string): readonly Misfit[] {
    const all = r[name] ?? [];
    const taking = all.findIndex((one) => fits(one, w, path).length === 0);
    if (taking >= 0) {
      if (name === 'anyOf' || all.every((one, index) => index === taking || apart(one, w, pair))) return [];
      return [
        { path, rule: 'oneOf', verdict: 'cannot tell', needs: 'must be exactly one of several forms', may: 'may be more than one of them' },
      ];
    }
    const near = all.filter((one) => !apart(one, w, pair));
    if (near.length === 1) return fits(near[0] as Node, w, path);
    const unlike = near.length === 0;
    return [
      {
        ...{ path, rule: name, verdict: unlike ? 'breaking' : 'cannot tell', needs: `must be one of ${all.length} forms` },
        may: unlike ? 'may be none of them' : 'may be none of them, or some of each',
      },
    ];
  }

  function compare(r: Keywords, w: Keywords, path: string): readonly Misfit[] {
    const found: Misfit[] = [];
    const say: Say = (rule, needs, may, verdict = 'breaking') => void found.push({ path, rule, verdict, needs, may });
    const values = listed(w);
    if (values) {
      const possible = values.filter((value) => admits(w, value, writerOf) !== false);
      const refused = possible.filter((value) => admits(r, value, readerOf) === false);
      const open = possible.filter((value) => admits(r, value, readerOf) === undefined);
      const wanted = listed(r) ?? [];
      const needs = wanted.length > 0 ? `must be ${listOf(wanted)}` : `must be ${typeNames(typesIn(r))}`;
      if (refused.length > 0) say('values', needs, `may be ${listOf(refused)}`);
      if (open.length > 0 && !equal(r, w)) say('values', 'must meet what is not judged here', `may be ${listOf(open)}`, 'cannot tell');
      return found;
    }
    for (const one of r.allOf ?? []) found.push(...fits(one, w, path));
    for (const name of ['anyOf', 'oneOf'] as const) if (r[name]) found.push(...alternatives(r, w, name, path));
    const own = listed(r);
    const types = typesIn(w);
    const foreign = types.filter((type) => !isOf(type, typesIn(r)));
    if (foreign.length > 0) {
      say('type', `must be ${typeNames(typesIn(r))}`, `may be ${typeNames(foreign)}`);
      return found;
    }
    if (own) say('values', `must be ${listOf(own)}`, `may be any ${types.join(' or ')}`);
    const not = r.not === undefined || (equal(r.not, w.not) && !hasRef(r.not)) ? [] : ['not'];
    for (const name of [...unjudged(r), ...not]) say(name, `must meet \`${name}\`, which is not judged here`, 'may not', 'cannot tell');
    if (types.includes('string')) textLimits(r, w, say);
    if (types.includes('number') || types.includes('integer')) numberLimits(r, w, !types.includes('number'), say);
    if (types.includes('array')) {
      listLimits(r, w, say);
      found.push(...entries(r, w, path, pair, fits));
    }
    if (types.includes('object')) {
      fieldLimits(r, w, say);
      found.push(...fields(r, w, path, pair, fits));
    }
    return found;
  }

  /** Of a writer bound by several schemas at once, it is enough that one of them is accepted. */
  function bound(r: Node, w: Keywords, path: string): readonly Misfit[] {
    const { allOf = [], ...rest } = w;
    const members = [...(constraints(rest).length > 0 ? [derive(w, 'rest', () => rest)] : []), ...allOf];
    const each = members.map((one) => fits(r, one, path));
    const best = each.reduce((least, one) => (one.length < least.length ? one : least));
    // One of several that name fields says nothing of the fields of the others.
    const ofFields = members.map(writerOf).some((one) => typeof one === 'object' && typesIn(one).includes('object'));
    if (!ofFields && best.length === 0) return [];
    const merged = derive(w, 'merged', () => merge(members.map(writerOf)) ?? false);
    if (merged !== false) return fits(r, merged, path);
    if (best.length === 0)
      return [{ path, rule: 'allOf', verdict: 'cannot tell', needs: 'must be of one form', may: 'is of several at once' }];
    return best.map((misfit) => ({ ...misfit, verdict: 'cannot tell' }));
  }

  function fits(givenReader: Node, givenWriter: Node, path: string): readonly Misfit[] {
    const r = readerOf(givenReader);
    const w = writerOf(givenWriter);
    if (isAny(r) || isNever(w)) return [];
    if (isNever(r)) return [{ path, rule: 'nothing', verdict: 'breaking', needs: 'must not be there', may: 'may be there' }];
    const [reading, writing] = [r as Keywords, w === true ? anything : (w as Keywords)];
    if (!hasRef(reading) && equal(reading, writing)) return [];
    const running = inProgress.get(reading) ?? new Set<object>();
    // It came back to itself: it holds if everything on the way does.
    if (running.has(writing)) return [];
    inProgress.set(reading, running);
    running.add(writing);
    try {
      if (reading.$ref !== undefined)
        return [
          { path, rule: '$ref', verdict: 'cannot tell', needs: `must meet ${reading.$ref}, which is not in the schema`, may: 'may not' },
        ];
      const several = ways(writing, derive);
      if (several) return several.flatMap((one) => fits(reading, one, path));
      if (writing.allOf) return bound(reading, writing, path);
      return compare(reading, writing, path);
    } finally {
      running.delete(writing);
    }
  }

  const seen = new Set<string>();
  return fits(reader, writer, '').filter((misfit) => {
    const key = JSON.stringify(misfit);
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}
