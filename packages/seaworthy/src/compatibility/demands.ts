import { isOf, type Keywords, type Node } from '../contract/json-schema.ts';
import { acceptsValue } from './accepts-value.ts';
import { alternativesOf } from './alternatives.ts';
import { listed, typesIn, unjudged } from './keywords.ts';
import { fieldLimits, listLimits, numberLimits, textLimits } from './limits.ts';
import { type Comparison, type Demands, entries, fields } from './members.ts';
import type { Mismatch, Report } from './mismatch.ts';
import type { Pair } from './pair.ts';
import { listOf, typeNames } from './wording.ts';

/** Answers questions about other pairs of schemas. Used where one of several schemas is enough. */
export interface Questions {
  readonly pair: Pair;
  /** Tells whether `reader` accepts everything that `writer` may write. */
  readonly holds: (reader: Node, writer: Node) => boolean;
  /** Tells whether the two schemas have no value in common. */
  readonly disjoint: (reader: Node, writer: Node) => boolean;
  /** Tells whether the two schemas have the same meaning. */
  readonly same: (reader: Node, writer: Node) => boolean;
}

const here = '';
const mismatch = (rule: string, severity: Mismatch['severity'], needs: string, may: string): Demands => ({
  mismatches: [{ path: here, rule, severity, needs, may }],
  comparisons: [],
});

/** Demands the one of several forms that `w` may be, or says why none of them accepts it. */
function oneOfForms(all: readonly Node[], w: Node, name: 'anyOf' | 'oneOf', { holds, disjoint }: Questions): Demands {
  const accepting = all.findIndex((one) => holds(one, w));
  if (accepting >= 0) {
    if (name === 'anyOf' || all.every((one, index) => index === accepting || disjoint(one, w))) return { mismatches: [], comparisons: [] };
    return mismatch('oneOf', 'undecided', 'must be exactly one of several forms', 'may be more than one of them');
  }
  const near = all.filter((one) => !disjoint(one, w));
  if (near.length === 1) return { mismatches: [], comparisons: [{ reader: near[0] as Node, writer: w, path: here }] };
  const needs = `must be one of ${all.length} forms`;
  return near.length === 0
    ? mismatch(name, 'breaking', needs, 'may be none of them')
    : mismatch(name, 'undecided', needs, 'may be none of them, or some of each');
}

/** Tries each value of a writer that lists its values. */
function listedValues(r: Keywords, w: Keywords, values: readonly unknown[], { pair, same }: Questions): readonly Mismatch[] {
  const mismatches: Mismatch[] = [];
  const { readerOf, writerOf, step } = pair;
  const possible = values.filter((value) => acceptsValue(w, value, writerOf, step) !== false);
  const judged = possible.map((value) => [value, acceptsValue(r, value, readerOf, step)] as const);
  const refused = judged.flatMap(([value, judgement]) => (judgement === false ? [value] : []));
  const open = judged.flatMap(([value, judgement]) => (judgement === undefined ? [value] : []));
  const wanted = listed(r) ?? [];
  const needs = wanted.length > 0 ? `must be ${listOf(wanted)}` : `must be ${typeNames(typesIn(r))}`;
  if (refused.length > 0) mismatches.push({ path: here, rule: 'values', severity: 'breaking', needs, may: `may be ${listOf(refused)}` });
  if (open.length > 0 && !same(r, w)) {
    const may = `may be ${listOf(open)}`;
    mismatches.push({ path: here, rule: 'values', severity: 'undecided', needs: 'must meet a keyword that is not judged here', may });
  }
  return mismatches;
}

/** Collects the demands of a writer that has neither `allOf` nor alternatives. */
function compared(r: Keywords, w: Keywords, questions: Questions): Demands {
  const { pair, same } = questions;
  const mismatches: Mismatch[] = [];
  const report: Report = (rule, needs, may, severity = 'breaking') => void mismatches.push({ path: here, rule, severity, needs, may });
  const unknown = unjudged(r);
  if ((unknown.length > 0 || r.not !== undefined) && same(r, w)) return { mismatches: [], comparisons: [] };
  const values = listed(w);
  if (values) return { mismatches: listedValues(r, w, values, questions), comparisons: [] };
  const comparisons: Comparison[] = (r.allOf ?? []).map((reader) => ({ reader, writer: w, path: here }));
  for (const name of ['anyOf', 'oneOf'] as const) {
    if (!r[name]) continue;
    const one = oneOfForms(r[name], w, name, questions);
    mismatches.push(...one.mismatches);
    comparisons.push(...one.comparisons);
  }
  const types = typesIn(w);
  const foreign = types.filter((type) => !isOf(type, typesIn(r)));
  if (foreign.length > 0) {
    report('type', `must be ${typeNames(typesIn(r))}`, `may be ${typeNames(foreign)}`);
    return { mismatches, comparisons };
  }
  const own = listed(r);
  if (own) report('values', `must be ${listOf(own)}`, `may be any ${types.join(' or ')}`);
  const not = r.not === undefined || (w.not !== undefined && same(r.not, w.not)) ? [] : ['not'];
  for (const name of [...unknown, ...not]) report(name, `must meet \`${name}\`, which is not judged here`, 'may not meet it', 'undecided');
  if (types.includes('string')) textLimits(r, w, report);
  if (types.includes('number') || types.includes('integer')) numberLimits(r, w, !types.includes('number'), report);
  if (types.includes('array')) {
    listLimits(r, w, report);
    comparisons.push(...entries(r, w, pair));
  }
  if (types.includes('object')) {
    fieldLimits(r, w, report);
    const members = fields(r, w, pair);
    mismatches.push(...members.mismatches);
    comparisons.push(...members.comparisons);
  }
  return { mismatches, comparisons };
}

/** Collects the demands of a writer that several schemas bound. It is enough that `r` accepts one of them, but none of them tells about the fields of the others. */
function bound(r: Keywords, w: Keywords, { pair, holds }: Questions): Demands {
  const { members, merged } = pair.partsOf(w);
  const ofFields = members.some((one) => typesIn(one).includes('object') && !listed(one));
  if (!ofFields && members.some((one) => holds(r, one))) return { mismatches: [], comparisons: [] };
  if (!merged) return mismatch('allOf', 'undecided', 'must be of one form', 'is of several forms at once');
  return { mismatches: [], comparisons: [{ reader: r, writer: merged.node, path: here, doubtful: merged.wider }] };
}

/** Collects what must hold for `r` to accept everything that `w` may write. */
export function demands(r: Keywords, w: Keywords, questions: Questions): Demands {
  if (r.$ref !== undefined) return mismatch('$ref', 'undecided', `must meet ${r.$ref}, which is not in the schema`, 'may not meet it');
  const several = alternativesOf(w, questions.pair.derive);
  if (several) return { mismatches: [], comparisons: several.map((writer) => ({ reader: r, writer, path: here })) };
  if (w.allOf) return bound(r, w, questions);
  return compared(r, w, questions);
}
