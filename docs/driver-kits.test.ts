import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { agreed } from '../scripts/package/exports.ts';

test('the page on drivers names every value of the kits and of the suites', () => {
  const page = readFileSync(join(import.meta.dirname, 'write-a-driver.md'), 'utf8');
  const values = Object.entries(agreed())
    .filter(([subpath]) => /\/(driver-kit|conformance)$/.test(subpath))
    .flatMap(([subpath, names]) => names.filter((name) => !name.startsWith('type ')).map((name) => ({ subpath, name })));
  assert.ok(values.length > 40, 'the kits have their values');
  assert.deepEqual(
    values.filter(({ name }) => !new RegExp(`\`${name}\\b`).test(page)).map(({ subpath, name }) => `${subpath} ${name}`),
    [],
  );
});
