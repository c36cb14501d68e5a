import assert from 'node:assert/strict';

/** What must and what must not be in the package. Throws with the paths that are wrong. */
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
  // A source map that leads nowhere is worse than none.
  const mapped = paths.filter((path) => path.endsWith('.js.map')).map((path) => path.replace(/^dist\/(.*)\.js\.map$/, 'src/$1.ts'));
  assert.ok(mapped.length > 50);
  assert.deepEqual(
    mapped.filter((path) => !paths.includes(path)),
    [],
    'sources that source maps lead to',
  );
}
