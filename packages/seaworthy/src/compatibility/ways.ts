import type { Keywords, Node } from '../contract/json-schema.ts';
import { both, constraints } from '../contract/references.ts';
import { listed } from './keywords.ts';
import type { Derive } from './pair.ts';

/** The ways in which a writer may write, each without alternatives of its own. */
export function ways(writer: Keywords, derive: Derive): readonly Node[] | undefined {
  const name = writer.anyOf ? 'anyOf' : writer.oneOf ? 'oneOf' : undefined;
  if (name) {
    const { [name]: alternatives = [], ...rest } = writer;
    return alternatives.map((one, index) => derive(writer, `${name} ${index}`, () => both(rest, one)));
  }
  if (Array.isArray(writer.type) && writer.type.length > 1 && !listed(writer))
    return (writer.type as readonly string[]).map((type) => derive(writer, type, () => ({ ...writer, type })));
  return undefined;
}

/** Object schemas that hold at once, as one; `undefined` where they say more than which fields there are. */
export function merge(members: readonly Node[]): Keywords | undefined {
  const plain = new Set(['type', 'properties', 'required']);
  const properties: Record<string, Node> = {};
  const required = new Set<string>();
  let type: { readonly type?: 'object' } = {};
  for (const one of members) {
    if (typeof one === 'boolean' || (one.type ?? 'object') !== 'object' || !constraints(one).every((name) => plain.has(name)))
      return undefined;
    // Where none says so, what is no object at all holds, too.
    if (one.type === 'object') type = { type: 'object' };
    for (const [name, schema] of Object.entries(one.properties ?? {}))
      properties[name] = properties[name] === undefined ? schema : { allOf: [properties[name], schema] };
    for (const name of one.required ?? []) required.add(name);
  }
  return { ...type, properties, required: [...required] };
}
