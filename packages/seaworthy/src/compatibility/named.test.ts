import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Keywords, Node } from '../contract/json-schema.ts';
import { mapParts } from '../contract/json-schema.ts';
import { made, versions } from './accepts.fixture.ts';
import { accepts } from './accepts.ts';

/** The same schema with some of what it is made of, by turns, named and referred to. */
function named(schema: Node, turns: readonly boolean[]): Node {
  const $defs: Record<string, Node> = {};
  let turn = 0;
  const visit = (node: unknown): unknown => {
    if (typeof node !== 'object' || node === null) return node;
    const inner = mapParts(node, visit) as Node;
    if (!turns[turn++ % turns.length]) return inner;
    const name = `Named${Object.keys($defs).length}`;
    $defs[name] = inner;
    return { ...(turn % 3 === 0 && { description: 'A comment.' }), $ref: `#/$defs/${name}` };
  };
  const root = visit(schema) as Keywords;
  return typeof root === 'boolean' ? root : { ...root, $defs };
}

const turns = fc.array(fc.boolean(), { minLength: 1, maxLength: 12 });
const mismatches = (reader: Node, writer: Node): readonly string[] =>
  [...new Set(accepts(reader, writer).map(({ rule, severity, needs, may }) => `${rule} ${severity} ${needs} ${may}`))].sort();

test('property: naming and referring to schemas does not change the mismatches', () => {
  let found = 0;
  fc.assert(
    fc.property(versions, turns, turns, ({ before, after }, reading, writing) => {
      const plain = mismatches(after, before.schema);
      if (plain.length > 0) found++;
      assert.deepEqual(mismatches(named(after, reading), named(before.schema, writing)), plain);
    }),
    { numRuns: 2000 },
  );
  assert.ok(found > 300, `something was found in ${found}`);
});

test('property: a schema accepts itself, with any names of its parts', () => {
  fc.assert(
    fc.property(made, turns, turns, ({ schema }, reading, writing) =>
      assert.deepEqual(accepts(named(schema, reading), named(schema, writing)), []),
    ),
    { numRuns: 1000 },
  );
});
