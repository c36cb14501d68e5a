import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { test } from 'node:test';

const source = resolve(import.meta.dirname, '../packages/seaworthy/src');

test('no file of the package imports itself by way of others, not even for a type', () => {
  const files = globSync('**/*.ts', { cwd: source }).filter((file) => !/\.(test|test-d|fixture)\.ts$/.test(file));
  const imports = new Map(
    files.map((file) => [
      file,
      [...readFileSync(join(source, file), 'utf8').matchAll(/from '(\.[^']+)'/g)].map(([, to]) => join(dirname(file), to as string)),
    ]),
  );
  const circles: string[] = [];
  const clear = new Set<string>();
  function follow(file: string, way: readonly string[]): void {
    if (way.includes(file)) circles.push([...way.slice(way.indexOf(file)), file].join(' -> '));
    if (clear.has(file) || way.includes(file)) return;
    for (const next of imports.get(file) ?? []) follow(next, [...way, file]);
    clear.add(file);
  }
  for (const file of files) follow(file, []);
  assert.ok([...imports.values()].flat().length > 300, 'the imports were found');
  assert.deepEqual(circles, []);
});
