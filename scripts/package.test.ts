import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const pack = join(root, 'packages/seaworthy');
const manifest = JSON.parse(readFileSync(join(pack, 'package.json'), 'utf8')) as {
  readonly exports: Readonly<Record<string, { readonly '@seaworthy/source': string } | string>>;
};

test('every subpath has its source, and every barrel and driver its subpath', () => {
  const published = Object.values(manifest.exports).flatMap((target) => (typeof target === 'string' ? [] : [target['@seaworthy/source']]));
  for (const path of published) assert.ok(existsSync(join(pack, path)), `${path} is published and not there`);
  const wanted = globSync('src/*/index.ts', { cwd: pack }).map((path) => `./${path}`);
  for (const path of wanted) assert.ok(published.includes(path), `${path} is a barrel without a subpath in package.json`);
});

test('seaworthy/resilience loads its own room and core alone, in less than 8 kB', async () => {
  const { outputFiles, metafile } = await build({
    entryPoints: [join(pack, 'src/resilience/index.ts')],
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'node',
    write: false,
    metafile: true,
    logLevel: 'silent',
  });
  const foreign = Object.keys(metafile.inputs).filter((path) => !/packages\/seaworthy\/src\/(core|resilience)\//.test(`/${path}`));
  assert.deepEqual(foreign, []);
  const bytes = gzipSync(outputFiles[0]?.contents ?? '').length;
  assert.ok(bytes > 1000 && bytes < 8192, `${bytes} bytes, minified and compressed`);
});

test('what the package depends on has a licence that lets anybody use it', () => {
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
  const { dependencies } = manifest as unknown as { dependencies: Record<string, string> };
  for (const name of Object.keys(dependencies)) visit(name, pack);
  assert.ok(seen.size > 10);
});

test('no source file passes 400 lines', () => {
  const long = globSync(['packages/*/src/**/*.ts', 'examples/**/*.ts', 'scripts/**/*.ts', 'bench/*.ts'], { cwd: root })
    .filter((path) => !path.includes('node_modules') && !/\.test(-d)?\.ts$/.test(path))
    .filter((path) => readFileSync(join(root, path), 'utf8').split('\n').length > 401);
  assert.deepEqual(long, []);
});
