import assert from 'node:assert/strict';

/** Checks which files the package contains. Throws with the missing and the superfluous paths. */
export function packedFiles(paths: readonly string[]): void {
  const wanted = ['README.md', 'CHANGELOG.md', 'LICENSE', 'package.json', 'docs/errors.md', 'docs/guides/sagas.md'];
  assert.deepEqual(
    wanted.filter((path) => !paths.includes(path)),
    [],
    'files that the package lacks',
  );
  const foreign = paths.filter((path) =>
    /\.(test|test-d|fixture)\.|(core|contract|outbox)\/conformance|tsbuildinfo|\.tgz$|node_modules/.test(path),
  );
  assert.deepEqual(foreign, [], 'files that do not belong into the package');
  // A dangling source map is worse than none.
  const mapped = paths.filter((path) => path.endsWith('.js.map')).map((path) => path.replace(/^dist\/(.*)\.js\.map$/, 'src/$1.ts'));
  assert.ok(mapped.length > 50);
  assert.deepEqual(
    mapped.filter((path) => !paths.includes(path)),
    [],
    'sources that source maps lead to',
  );
}
