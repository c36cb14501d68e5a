import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { test } from 'node:test';

const source = resolve(import.meta.dirname, '../packages/seaworthy/src');
const files = globSync('**/*.ts', { cwd: source }).filter((file) => !/\.(test|test-d|fixture)\.ts$/.test(file));
/** The files that each file imports, also for a type alone. */
const imports = new Map(
  files.map((file) => [
    file,
    [...readFileSync(join(source, file), 'utf8').matchAll(/from '(\.[^']+)'/g)].map(([, to]) => join(dirname(file), to as string)),
  ]),
);
assert.ok([...imports.values()].flat().length > 300, 'the imports were found');

test('no file of the package imports itself by way of others, not even for a type', () => {
  const circles: string[] = [];
  const clear = new Set<string>();
  function follow(file: string, way: readonly string[]): void {
    if (way.includes(file)) circles.push([...way.slice(way.indexOf(file)), file].join(' -> '));
    if (clear.has(file) || way.includes(file)) return;
    for (const next of imports.get(file) ?? []) follow(next, [...way, file]);
    clear.add(file);
  }
  for (const file of files) follow(file, []);
  assert.deepEqual(circles, []);
});

test('only suites, fixtures and tests import a conformance suite', () => {
  const isSuite = (file: string): boolean => /\/conformance(\.ts$|\/)/.test(file);
  const loaded = files
    .filter((file) => !isSuite(file))
    .flatMap((file) => (imports.get(file) ?? []).filter(isSuite).map((suite) => `${file} -> ${suite}`));
  assert.deepEqual(loaded, []);
});
