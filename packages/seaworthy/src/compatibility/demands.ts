import { isOf, type Keywords, type Node } from '../contract/json-schema.ts';
import { admits } from './admits.ts';
import { listed, typesIn, unjudged } from './keywords.ts';
import { fieldLimits, listLimits, numberLimits, textLimits } from './limits.ts';
import type { Misfit, Say } from './misfit.ts';
import type { Pair } from './pair.ts';
import { type Demands, entries, fields, type Part } from './parts.ts';
import { ways } from './ways.ts';
import { listOf, typeNames } from './words.ts';

/** How questions about other pairs are answered, where one of several is enough. */
export interface Questions {
  readonly pair: Pair;
  /** Everything that `writer` may write is accepted by `reader`. */
  readonly holds: (reader: Node, writer: Node) => boolean;
  /** No value is of both. */
  readonly apart: (reader: Node, writer: Node) => boolean;
  /** Both say the same. */
  readonly same: (reader: Node, writer: Node) => boolean;
}

const here = '';
const misfit = (rule: string, verdict: Misfit['verdict'], needs: string, may: string): Demands => ({
  found: [{ path: here, rule, verdict, needs, may }],
  parts: [],
});

/** The one of several forms that is demanded, or what is wrong with all. */
function alternatives(all: readonly Node[], w: Node, name: 'anyOf' | 'oneOf', { holds, apart }: Questions): Demands {
  const taking = all.findIndex((one) => holds(one, w));
  if (taking >= 0) {
    if (name === 'anyOf' || all.every((one, index) => index === taking || apart(one, w))) return { found: [], parts: [] };
    return misfit('oneOf', 'cannot tell', 'must be exactly one of several forms', 'may be more than one of them');
  }
  const near = all.filter((one) => !apart(one, w));
  if (near.length === 1) return { found: [], parts: [{ reader: near[0] as Node, writer: w, path: here }] };
  const needs = `must be one of ${all.length} forms`;
  return near.length === 0
    ? misfit(name, 'breaking', needs, 'may be none of them')
    : misfit(name, 'cannot tell', needs, 'may be none of them, or some of each');
}

/** A writer that lists its values: each is tried. */
function listing(r: Keywords, w: Keywords, values: readonly unknown[], { pair, same }: Questions): readonly Misfit[] {
  const found: Misfit[] = [];
  const { readerOf, writerOf, step } = pair;
  const possible = values.filter((value) => admits(w, value, writerOf, step) !== false);
  const judged = possible.map((value) => [value, admits(r, value, readerOf, step)] as const);
  const refused = judged.flatMap(([value, judgement]) => (judgement === false ? [value] : []));
  const open = judged.flatMap(([value, judgement]) => (judgement === undefined ? [value] : []));
  const wanted = listed(r) ?? [];
  const needs = wanted.length > 0 ? `must be ${listOf(wanted)}` : `must be ${typeNames(typesIn(r))}`;
  if (refused.length > 0) found.push({ path: here, rule: 'values', verdict: 'breaking', needs, may: `may be ${listOf(refused)}` });
  if (open.length > 0 && !same(r, w)) {
    const may = `may be ${listOf(open)}`;
    found.push({ path: here, rule: 'values', verdict: 'cannot tell', needs: 'must meet what is not judged here', may });
  }
  return found;
}

/** What `r` asks of a writer that has neither parts nor alternatives. */
function compared(r: Keywords, w: Keywords, questions: Questions): Demands {
  const { pair, same } = questions;
  const found: Misfit[] = [];
  const say: Say = (rule, needs, may, verdict = 'breaking') => void found.push({ path: here, rule, verdict, needs, may });
  const said = unjudged(r);
  if ((said.length > 0 || r.not !== undefined) && same(r, w)) return { found: [], parts: [] };
  const values = listed(w);
  if (values) return { found: listing(r, w, values, questions), parts: [] };
  const parts: Part[] = (r.allOf ?? []).map((reader) => ({ reader, writer: w, path: here }));
  for (const name of ['anyOf', 'oneOf'] as const) {
    if (!r[name]) continue;
    const one = alternatives(r[name], w, name, questions);
    found.push(...one.found);
    parts.push(...one.parts);
  }
  const types = typesIn(w);
  const foreign = types.filter((type) => !isOf(type, typesIn(r)));
  if (foreign.length > 0) {
    say('type', `must be ${typeNames(typesIn(r))}`, `may be ${typeNames(foreign)}`);
    return { found, parts };
  }
  const own = listed(r);
  if (own) say('values', `must be ${listOf(own)}`, `may be any ${types.join(' or ')}`);
  const not = r.not === undefined || (w.not !== undefined && same(r.not, w.not)) ? [] : ['not'];
  for (const name of [...said, ...not]) say(name, `must meet \`${name}\`, which is not judged here`, 'may not', 'cannot tell');
  if (types.includes('string')) textLimits(r, w, say);
  if (types.includes('number') || types.includes('integer')) numberLimits(r, w, !types.includes('number'), say);
  if (types.includes('array')) {
    listLimits(r, w, say);
    parts.push(...entries(r, w, pair));
  }
  if (types.includes('object')) {
    fieldLimits(r, w, say);
    const of = fields(r, w, pair);
    found.push(...of.found);
    parts.push(...of.parts);
  }
  return { found, parts };
}

/** Of a writer bound by several schemas at once, it is enough that one of them is accepted; but none says anything of the fields of the others. */
function bound(r: Keywords, w: Keywords, { pair, holds }: Questions): Demands {
  const { members, merged } = pair.partsOf(w);
  const ofFields = members.some((one) => typesIn(one).includes('object') && !listed(one));
  if (!ofFields && members.some((one) => holds(r, one))) return { found: [], parts: [] };
  if (!merged) return misfit('allOf', 'cannot tell', 'must be of one form', 'is of several at once');
  return { found: [], parts: [{ reader: r, writer: merged.node, path: here, doubtful: merged.wider }] };
}

/** What must hold for `r` to accept all that `w` may write. */
export function demands(r: Keywords, w: Keywords, questions: Questions): Demands {
  if (r.$ref !== undefined) return misfit('$ref', 'cannot tell', `must meet ${r.$ref}, which is not in the schema`, 'may not');
  const several = ways(w, questions.pair.derive);
  if (several) return { found: [], parts: several.map((writer) => ({ reader: r, writer, path: here })) };
  if (w.allOf) return bound(r, w, questions);
  return compared(r, w, questions);
}
