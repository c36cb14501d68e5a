import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';

const root = resolve(import.meta.dirname, '..');
/** A tour of the code stays short: so many files at most. */
const limits: Readonly<Record<string, number>> = {
  'From a request to the commit': 12,
  'From a publish to the handler': 13,
  'A saga from its start to its undo': 12,
};

const section = /^## Three tours\n([\s\S]*?)^## /m.exec(readFileSync(join(root, 'CONTRIBUTING.md'), 'utf8'))?.[1] ?? '';
const tours = Object.fromEntries(
  section
    .split(/^### /m)
    .slice(1)
    .map((tour) => [tour.split('\n')[0] as string, [...tour.matchAll(/^\d+\. `([^`]+)`: /gm)].map(([, file]) => file as string)]),
);

test('there are three tours, none longer than a newcomer reads', () => {
  assert.deepEqual(Object.keys(tours), Object.keys(limits));
  for (const [tour, files] of Object.entries(tours)) {
    assert.ok(files.length > 5 && files.length <= (limits[tour] as number), `${tour} has ${files.length} files`);
    assert.deepEqual(files, [...new Set(files)], `${tour} has a file twice`);
  }
});

test('every file of a tour exists', () => {
  const missing = Object.values(tours)
    .flat()
    .filter((file) => !existsSync(join(root, 'packages/seaworthy/src', file)));
  assert.deepEqual(missing, [], 'CONTRIBUTING leads to files that are not there: rename them there, too');
});
