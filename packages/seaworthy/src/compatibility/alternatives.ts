import type { Keywords, Node } from '../contract/json-schema.ts';
import { both } from '../contract/references.ts';
import { listed } from './keywords.ts';
import type { Derive } from './pair.ts';

/** Splits a writer into its alternatives, each without alternatives of its own; `undefined` when it has none. */
export function alternativesOf(writer: Keywords, derive: Derive): readonly Node[] | undefined {
  const name = writer.anyOf ? 'anyOf' : writer.oneOf ? 'oneOf' : undefined;
  if (name) {
    const { [name]: alternatives = [], ...rest } = writer;
    return alternatives.map((one, index) => derive(writer, `${name} ${index}`, () => both(rest, one)));
  }
  if (Array.isArray(writer.type) && writer.type.length > 1 && !listed(writer))
    return (writer.type as readonly string[]).map((type) => derive(writer, type, () => ({ ...writer, type })));
  return undefined;
}
