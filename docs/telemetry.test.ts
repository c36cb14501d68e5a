import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';

const source = resolve(import.meta.dirname, '../packages/seaworthy/src');
const emitted = new Set(
  globSync('**/*.ts', { cwd: source })
    .filter((file) => !/\.(test|test-d|fixture)\.ts$/.test(file) && !file.startsWith('testing'))
    .flatMap((file) => [...readFileSync(join(source, file), 'utf8').matchAll(/'((?:seaworthy|process)_[a-z0-9_]+)'/g)])
    .map(([, name]) => name as string),
);

/** The names in the first cell of each row of a page's tables. */
function rows(page: string): readonly string[] {
  const text = readFileSync(join(import.meta.dirname, page), 'utf8');
  const cells = [...text.matchAll(/^\| (`(?:seaworthy|process)_[^|]+)\|/gm)].map(([, cell]) => cell as string);
  return cells.flatMap((cell) => [...cell.matchAll(/`([a-z0-9_]+)`/g)].map(([, name]) => name as string));
}

const pages = globSync('*.md', { cwd: import.meta.dirname });
const overview = 'telemetry.md';

test('every name that is emitted is in the table of its page, and every name of a table is emitted', () => {
  assert.ok(emitted.size > 40, `only ${emitted.size} names were found`);
  const own = pages.filter((page) => page !== overview).flatMap(rows);
  assert.deepEqual(own, [...new Set(own)], 'a name has two rows');
  const listed = new Set(rows(overview));
  assert.deepEqual([...new Set([...own, ...listed])].sort(), [...emitted].sort());
});

test('the overview has every span', () => {
  const spans = pages.flatMap((page) =>
    [...readFileSync(join(import.meta.dirname, page), 'utf8').matchAll(/^\| `(seaworthy_\w+)` \| span:/gm)].map(
      ([, name]) => name as string,
    ),
  );
  assert.ok(spans.length > 5);
  assert.deepEqual(
    rows(overview)
      .filter((name) => spans.includes(name))
      .sort(),
    spans.sort(),
  );
});
