import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { budgets } from './budgets.ts';
import { agreed, exported, exportsOf } from './exports.ts';
import { manifest, pack, root, subpaths } from './manifest.ts';
import { sizeOf } from './size.ts';

test('every subpath has its source, and every barrel its subpath', () => {
  const published = [...subpaths.values()];
  for (const path of published) assert.ok(existsSync(join(pack, path)), `${path} is published and not there`);
  const wanted = globSync('src/*/index.ts', { cwd: pack }).map((path) => `./${path}`);
  for (const path of wanted) assert.ok(published.includes(path), `${path} is a barrel without a subpath in package.json`);
});

describe('the names that the package exports', () => {
  const before = agreed();
  const now = exported();

  test('are those of the committed list', () => {
    const wrong = [...new Set([...Object.keys(before), ...Object.keys(now)])].flatMap((subpath) => [
      ...(now[subpath] ?? []).filter((name) => !before[subpath]?.includes(name)).map((name) => `+ ${subpath} ${name}`),
      ...(before[subpath] ?? []).filter((name) => !now[subpath]?.includes(name)).map((name) => `- ${subpath} ${name}`),
    ]);
    assert.deepEqual(
      wrong,
      [],
      `The exports changed:\n${wrong.join('\n')}\nIf that is meant, run \`npx node scripts/package/exports.ts\` and \`npm run fix\`, commit exports.json, and tell users in CHANGELOG.md.`,
    );
  });

  for (const subpath of subpaths.keys()) {
    test(`${subpath} has the values of the list`, async () => {
      const values = (now[subpath] ?? []).filter((name) => !name.startsWith('type '));
      assert.deepEqual(values, Object.keys((await import(subpath)) as object).sort());
    });
  }

  test('are read from every form of export, and an unknown form is refused', () => {
    const source =
      "export { a, type B, c as d } from './x.ts';\nexport type {\n  E,\n} from './y.ts';\nexport async function f() {}\nexport interface G {}\n";
    assert.deepEqual(exportsOf(source, 'x.ts'), ['a', 'd', 'f', 'type B', 'type E', 'type G']);
    assert.throws(() => exportsOf("export * from './x.ts';", 'x.ts'), /x\.ts: an export that is neither/);
    assert.throws(() => exportsOf('export default 1;', 'x.ts'), /neither/);
  });
});

describe('what importing a subpath costs', () => {
  test('has a budget for each', () => assert.deepEqual(Object.keys(budgets), [...subpaths.keys()]));

  for (const [subpath, file] of subpaths) {
    test(`${subpath} keeps within its budget`, async () => {
      const { kB, loads = [], modules } = budgets[subpath] ?? { kB: 0 };
      const size = await sizeOf(file);
      assert.ok(size.bytes > 300 && size.bytes <= kB * 1000, `${size.bytes} bytes; scripts/package/budgets.ts allows ${kB} kB`);
      assert.deepEqual(
        size.loads.filter((name) => !name.startsWith('node:')),
        loads,
      );
      if (modules) assert.deepEqual(size.modules, modules);
    });
  }
});

test('the manifest has the fields that registries and bundlers need', () => {
  assert.match(manifest.version, /^\d+\.\d+\.\d+$/);
  assert.ok(manifest.description.length > 40 && manifest.description.length < 200);
  assert.ok(manifest.keywords.length >= 5);
  assert.deepEqual([manifest.license, manifest.type, manifest.sideEffects], ['MIT', 'module', false]);
  const changes = readFileSync(join(root, 'CHANGELOG.md'), 'utf8');
  assert.match(
    changes,
    new RegExp(`^## \\[${manifest.version.replaceAll('.', '\\.')}\\]`, 'm'),
    'CHANGELOG.md has no entry for this version',
  );
});

test('all dependencies of the package have permissive licences', () => {
  const seen = new Set<string>();
  function visit(name: string, from: string): void {
    const folder = [join(from, 'node_modules', name), join(root, 'node_modules', name)].find((path) =>
      existsSync(join(path, 'package.json')),
    );
    assert.ok(folder, `${name} is installed`);
    if (seen.has(folder)) return;
    seen.add(folder);
    const { license, dependencies = {} } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
      license: string;
      dependencies?: Record<string, string>;
    };
    assert.match(license, /^\(?(MIT|ISC|BSD-2-Clause|BSD-3-Clause|Apache-2\.0|BlueOak-1\.0\.0|0BSD)\b/, `${name}: ${license}`);
    for (const next of Object.keys(dependencies)) visit(next, folder);
  }
  for (const one of [pack, join(root, 'packages/cli')]) {
    const { dependencies } = JSON.parse(readFileSync(join(one, 'package.json'), 'utf8')) as { dependencies: Record<string, string> };
    for (const name of Object.keys(dependencies)) visit(name, one);
  }
  assert.ok(seen.size > 10);
});

test('no file passes 400 lines, tests included', () => {
  const all = ['packages/*/{src,templates}/**/*.ts', '{examples,scripts,lint,docs,ops}/**/*.ts', 'bench/*.ts'];
  const long = globSync(all, { cwd: root })
    .filter((path) => !path.includes('node_modules'))
    .filter((path) => readFileSync(join(root, path), 'utf8').split('\n').length > 401);
  assert.deepEqual(long, []);
});
