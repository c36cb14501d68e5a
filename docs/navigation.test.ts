import assert from 'node:assert/strict';
import { globSync } from 'node:fs';
import { resolve } from 'node:path';
import { test } from 'node:test';
import { navigation } from '../site/navigation.ts';

test('every page has its place in the navigation of the site, and one alone', () => {
  const cwd = resolve(import.meta.dirname, '..');
  const pages = ['README.md', 'CHANGELOG.md', 'CONTRIBUTING.md', ...globSync('docs/**/*.md', { cwd })].map((path) =>
    path.replaceAll('\\', '/'),
  );
  assert.deepEqual(Object.values(navigation).flat().sort(), pages.sort(), 'site/navigation.ts does not list the pages that there are');
});
