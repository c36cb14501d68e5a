import { admits } from './admits.ts';
import {
  constraints,
  equal,
  isOf,
  type Keywords,
  listed,
  type Misfit,
  type Node,
  resolver,
  typesIn,
  unjudged,
  unnamed,
} from './keywords.ts';
import { fieldLimits, listLimits, numberLimits, textLimits } from './limits.ts';

const shown = (value: unknown): string => JSON.stringify(value) ?? 'undefined';
const anyOfThem = (values: readonly unknown[]): string => {
  const some = values.slice(0, 8).map((value) => shown(value));
  return `${some.join(', ')}${values.length > 8 ? ', ...' : ''}`;
};
const typeNames = (types: readonly string[]): string =>
  types.length >= 7 ? 'anything' : types.map((type) => (/^[aeio]/.test(type) ? `an ${type}` : `a ${type}`)).join(' or ');
const isNever = (node: Node): boolean =>
  node === false || (typeof node === 'object' && node.not !== undefined && (node.not === true || equal(node.not, {})));
const isAny = (node: Node): boolean => node === true || (typeof node === 'object' && constraints(node).length === 0);
const anything: Keywords = {};
const hasRef = (node: unknown): boolean =>
  typeof node === 'object' && node !== null && (Object.hasOwn(node, '$ref') || Object.values(node).some(hasRef));

/**
 * Whether everything that `writer` may write is accepted by `reader`: no finding says that it is. What cannot be told is a
 * finding too. A field that neither the writer's `properties` nor its `additionalProperties` name is taken as never written.
 */
export function accepts(reader: Node, writer: Node): readonly Misfit[] {
  const readerOf = resolver(reader);
  const writerOf = resolver(writer);
  const derived = new WeakMap<object, Map<string, Node>>();
  const inProgress = new WeakMap<object, Set<object>>();

  /** The same part of the same schema is the same object each time, so that a recursive one is seen to come back. */
  function derive(node: Keywords, what: string, make: () => Node): Node {
    const parts = derived.get(node) ?? new Map<string, Node>();
    derived.set(node, parts);
    const made = parts.get(what) ?? make();
    parts.set(what, made);
    return made;
  }

  const both = (rest: Keywords, one: Node): Node =>
    constraints(rest).length === 0 ? one : { ...rest, allOf: [...(rest.allOf ?? []), one] };

  /** The ways in which a writer may write, each without alternatives of its own. */
  function ways(writer: Keywords): readonly Node[] | undefined {
    const name = writer.anyOf ? 'anyOf' : writer.oneOf ? 'oneOf' : undefined;
    if (name) {
      const { [name]: alternatives = [], ...rest } = writer;
      return alternatives.map((one, index) => derive(writer, `${name} ${index}`, () => both(rest, one)));
    }
    if (Array.isArray(writer.type) && writer.type.length > 1 && !listed(writer))
      return (writer.type as readonly string[]).map((type) => derive(writer, type, () => ({ ...writer, type })));
    return undefined;
  }

  /** No value is of both. */
  function apart(givenReader: Node, givenWriter: Node, depth = 0): boolean {
    const r = readerOf(givenReader);
    const w = writerOf(givenWriter);
    if (isNever(r) || isNever(w)) return true;
    if (typeof r === 'boolean' || typeof w === 'boolean' || depth > 8) return false;
    const alternatives = r.anyOf ?? r.oneOf;
    if (alternatives?.every((one) => apart(one, w, depth + 1))) return true;
    if (ways(w)?.every((one) => apart(r, one, depth + 1))) return true;
    const values = listed(w);
    if (values?.every((value) => admits(r, value, readerOf) === false)) return true;
    const own = listed(r);
    if (own?.every((value) => admits(w, value, writerOf) === false)) return true;
    const types = typesIn(w);
    if (!types.some((type) => isOf(type, typesIn(r)) || (type === 'number' && typesIn(r).includes('integer')))) return true;
    if (types.join() !== 'object') return false;
    return Object.entries(r.properties ?? {}).some(([name, one]) => {
      const other = w.properties?.[name];
      const certain = r.required?.includes(name) || w.required?.includes(name);
      return certain && other !== undefined && apart(one, other, depth + 1);
    });
  }

  function alternatives(r: Keywords, w: Node, name: 'anyOf' | 'oneOf', path: string): readonly Misfit[] {
    const all = r[name] ?? [];
    const taking = all.filter((one) => fits(one, w, path).length === 0);
    if (taking.length > 0) {
      if (name === 'anyOf' || all.every((one) => one === taking[0] || apart(one, w))) return [];
      return [
        { path, rule: 'oneOf', verdict: 'cannot tell', needs: 'must be exactly one of several forms', may: 'may be more than one of them' },
      ];
    }
    const near = all.filter((one) => !apart(one, w));
    if (near.length === 1) return fits(near[0] as Node, w, path);
    const unlike = near.length === 0;
    return [
      {
        ...{ path, rule: name, verdict: unlike ? 'breaking' : 'cannot tell', needs: `must be one of ${all.length} forms` },
        may: unlike ? 'may be none of them' : 'may be none of them, or some of each',
      },
    ];
  }

  function fields(r: Keywords, w: Keywords, path: string, found: Misfit[]): void {
    for (const name of r.required ?? []) {
      if (w.required?.includes(name)) continue;
      found.push({ path: `${path}.${name}`, rule: 'required', verdict: 'breaking', needs: 'must be there', may: 'may be missing' });
    }
    const open = unnamed(w);
    for (const name of new Set([...Object.keys(w.properties ?? {}), ...Object.keys(r.properties ?? {})])) {
      const written = w.properties?.[name] ?? open;
      const read = r.properties?.[name] ?? r.additionalProperties ?? true;
      if (isNever(writerOf(written))) continue;
      if (isNever(readerOf(read)))
        found.push({
          path: `${path}.${name}`,
          rule: 'unknown field',
          verdict: 'breaking',
          needs: 'must not be there',
          may: 'may be there',
        });
      else found.push(...fits(read, written, `${path}.${name}`));
    }
    if (!isNever(writerOf(open))) found.push(...fits(r.additionalProperties ?? true, open, `${path}.*`));
    if (r.propertyNames === undefined) return;
    const names = { type: 'string' };
    for (const name of Object.keys(w.properties ?? {}))
      found.push(
        ...fits(
          r.propertyNames,
          derive(w, `name ${name}`, () => ({ const: name })),
          `${path}.${name}`,
        ),
      );
    if (!isNever(writerOf(open))) found.push(...fits(r.propertyNames, w.propertyNames ?? names, `${path}.*`));
  }

  function entries(r: Keywords, w: Keywords, path: string, found: Misfit[]): void {
    const [read = [], written = []] = [r.prefixItems, w.prefixItems];
    const most = w.maxItems ?? Number.POSITIVE_INFINITY;
    for (let index = 0; index < Math.min(most, Math.max(read.length, written.length)); index++) {
      const one = written[index] ?? w.items ?? true;
      if (!isNever(writerOf(one))) found.push(...fits(read[index] ?? r.items ?? true, one, `${path}[${index}]`));
    }
    if (most <= written.length || isNever(writerOf(w.items ?? true))) return;
    found.push(...fits(r.items ?? true, w.items ?? true, `${path}[]`));
  }

  function compare(r: Keywords, w: Keywords, path: string): readonly Misfit[] {
    const found: Misfit[] = [];
    const say = (rule: string, needs: string, may: string, verdict: Misfit['verdict'] = 'breaking'): void =>
      void found.push({ path, rule, verdict, needs, may });
    const values = listed(w);
    if (values) {
      const possible = values.filter((value) => admits(w, value, writerOf) !== false);
      const refused = possible.filter((value) => admits(r, value, readerOf) === false);
      const open = possible.filter((value) => admits(r, value, readerOf) === undefined);
      const wanted = listed(r) ?? [];
      const needs = wanted.length > 0 ? `must be ${anyOfThem(wanted)}` : `must be ${typeNames(typesIn(r))}`;
      if (refused.length > 0) say('values', needs, `may be ${anyOfThem(refused)}`);
      if (open.length > 0 && !equal(r, w)) say('values', 'must meet what is not judged here', `may be ${anyOfThem(open)}`, 'cannot tell');
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
    if (own) say('values', `must be ${anyOfThem(own)}`, `may be any ${types.join(' or ')}`);
    const not = r.not === undefined || (equal(r.not, w.not) && !hasRef(r.not)) ? [] : ['not'];
    for (const name of [...unjudged(r), ...not]) say(name, `must meet \`${name}\`, which is not judged here`, 'may not', 'cannot tell');
    if (types.includes('string')) textLimits(r, w, say);
    if (types.includes('number') || types.includes('integer')) numberLimits(r, w, !types.includes('number'), say);
    if (types.includes('array')) {
      listLimits(r, w, say);
      entries(r, w, path, found);
    }
    if (types.includes('object')) {
      fieldLimits(r, w, say);
      fields(r, w, path, found);
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
    const fields = members.map(writerOf).some((one) => typeof one === 'object' && typesIn(one).includes('object'));
    if (!fields && best.length === 0) return [];
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
      const alternatives = ways(writing);
      if (alternatives) return alternatives.flatMap((one) => fits(reading, one, path));
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

/** Object schemas that hold at once, as one; `undefined` where they say more than which fields there are. */
function merge(members: readonly Node[]): Keywords | undefined {
  const plain = new Set(['type', 'properties', 'required']);
  const properties: Record<string, Node> = {};
  const required = new Set<string>();
  for (const one of members) {
    if (typeof one === 'boolean' || (one.type ?? 'object') !== 'object' || !constraints(one).every((name) => plain.has(name)))
      return undefined;
    for (const [name, schema] of Object.entries(one.properties ?? {}))
      properties[name] = properties[name] === undefined ? schema : { allOf: [properties[name], schema] };
    for (const name of one.required ?? []) required.add(name);
  }
  return { type: 'object', properties, required: [...required] };
}
