import { type Keywords, meet, type Node } from '../contract/json-schema.ts';
import { constraints } from '../contract/references.ts';
import { equal, includes, listed, typesIn, unjudged } from './keywords.ts';

/** The result of merging schemas that all constrain one value. */
export interface Merged {
  readonly node: Node;
  /** Whether the merged schema accepts more than all of them together, so that a mismatch is not certain. */
  readonly wider: boolean;
}

/** The largest number of combinations of alternatives that are tried. */
const mostCombinations = 64;

const least = ['maxLength', 'maxItems', 'maxProperties', 'maximum', 'exclusiveMaximum'] as const;
const most = ['minLength', 'minItems', 'minProperties', 'minimum', 'exclusiveMinimum'] as const;
const together = ['propertyNames', 'items'] as const;

const all = (nodes: readonly Node[]): Node => (nodes.length === 1 ? (nodes[0] as Node) : { allOf: nodes });

/** Returns the schema that one member has for a field. */
function ofField(member: Keywords, name: string): Node | undefined {
  const own = member.properties?.[name];
  if (own !== undefined) return own;
  // `additionalProperties: false` is ignored here, because a field that another member names may be written.
  return member.patternProperties === undefined && member.additionalProperties !== false ? member.additionalProperties : undefined;
}

function fields(members: readonly Keywords[]): Pick<Keywords, 'properties' | 'additionalProperties'> {
  const names = new Set(members.flatMap((one) => Object.keys(one.properties ?? {})));
  const given = <T>(values: readonly (T | undefined)[]): readonly T[] => values.filter((value) => value !== undefined);
  const properties = Object.fromEntries([...names].map((name) => [name, all(given(members.map((one) => ofField(one, name))))]));
  const others = given(members.map((one) => one.additionalProperties)).filter((one) => one !== false);
  const closed = members.some((one) => one.additionalProperties === false);
  const additionalProperties = others.length > 0 ? all(others) : closed ? false : undefined;
  const anyName = members.length > 1 && members.some((one) => one.patternProperties !== undefined || unjudged(one).length > 0);
  return {
    ...(names.size > 0 && { properties }),
    ...(anyName ? { additionalProperties: true } : additionalProperties !== undefined && { additionalProperties }),
  };
}

/** Merges what the members say about the entry at each index of a list. */
function indexed(members: readonly Keywords[]): Pick<Keywords, 'prefixItems'> {
  const count = Math.max(...members.map((one) => one.prefixItems?.length ?? 0));
  const at = (index: number): Node => {
    const said = members.map((one) => one.prefixItems?.[index] ?? one.items ?? true).filter((one) => one !== true);
    return said.length === 0 ? true : all(said);
  };
  return count > 0 ? { prefixItems: Array.from({ length: count }, (_, index) => at(index)) } : {};
}

/**
 * Merges schemas that bind a value at once, none of which has a `$ref` or `allOf` of its own; `undefined` where they would have too
 * many alternatives.
 */
export function merge(members: readonly Keywords[]): Merged | undefined {
  const [only] = members;
  if (members.length === 1 && only) return { node: only, wider: false };
  let wider = members.some((one) => one.patternProperties !== undefined);
  const out: Record<string, unknown> = {};
  for (const one of members) {
    for (const name of constraints(one)) {
      const value = (one as Record<string, unknown>)[name];
      const before = out[name];
      if (before === undefined || equal(before, value)) out[name] = value;
      else if ((least as readonly string[]).includes(name)) out[name] = Math.min(Number(before), Number(value));
      else if ((most as readonly string[]).includes(name)) out[name] = Math.max(Number(before), Number(value));
      else if ((together as readonly string[]).includes(name)) out[name] = { allOf: [before, value] };
      else if (name === 'required') out[name] = [...new Set([...(before as string[]), ...(value as string[])])];
      else if (name === 'uniqueItems') out[name] = true;
      else if (name === 'not') out[name] = { anyOf: [before, value] };
      else if (name === 'multipleOf') {
        const [a, b] = [Number(before), Number(value)];
        if (a % b !== 0 && b % a !== 0) wider = true;
        out[name] = b % a === 0 ? b : a;
      } else if (!special.has(name)) wider = true;
    }
  }
  const typed = members.filter((one) => one.type !== undefined).map(typesIn);
  if (typed.length > 0) {
    const types = typed.reduce(meet);
    if (types.length === 0) return { node: false, wider: false };
    out['type'] = types.length === 1 ? types[0] : types;
  }
  const lists = members.flatMap((one) => ('const' in one || one.enum ? [listed(one) as readonly unknown[]] : []));
  if (lists.length > 0) {
    delete out['const'];
    out['enum'] = (lists[0] as readonly unknown[]).filter((value) => lists.every((list) => includes(list, value)));
  }
  const several = members
    .flatMap(({ anyOf, oneOf }) => [anyOf, oneOf].flatMap((nodes) => (nodes ? [{ anyOf: nodes }] : [])))
    .filter((one, index, every) => every.findIndex((other) => equal(other, one)) === index);
  delete out['anyOf'];
  delete out['oneOf'];
  if (several.length > 1 && several.reduce((count, { anyOf }) => count * anyOf.length, 1) > mostCombinations) return undefined;
  const [first, ...rest] = several;
  return {
    node: { ...out, ...fields(members), ...indexed(members), ...first, ...(rest.length > 0 && { allOf: rest }) } as Keywords,
    wider,
  };
}

const special = new Set(['type', 'const', 'enum', 'anyOf', 'oneOf', 'properties', 'additionalProperties', 'prefixItems']);
