import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { folder } from './command.fixture.ts';
import { sourceLocation } from './source-location.ts';

const { path, remove } = folder();
after(remove);

/** Writes a module and imports it. */
async function written<T>(file: string, text: string): Promise<T> {
  const at = join(path, file);
  mkdirSync(join(at, '..'), { recursive: true });
  writeFileSync(at, text);
  return (await import(pathToFileURL(at).href)) as T;
}
const thrown = (work: () => unknown): unknown => {
  try {
    return work();
  } catch (error) {
    return error;
  }
};

test('the location of an error is in a file of the user, wherever the toolkit and other packages are', async () => {
  const calls = "export const run = (work) => work();\nexport function refuse() {\n  throw new Error('of the toolkit');\n}\n";
  // In a linked clone of the toolkit no path contains node_modules, because Node follows the link.
  for (const [name, at] of [
    ['seaworthy', 'clone/core'],
    ['@seaworthy/cli', 'clone/cli'],
  ] as const) {
    mkdirSync(join(path, at, 'dist/deep'), { recursive: true });
    writeFileSync(join(path, at, 'dist/deep/main.js'), calls);
    writeFileSync(join(path, at, 'package.json'), JSON.stringify({ name, type: 'module', exports: './dist/deep/main.js' }));
  }
  mkdirSync(join(path, 'shop/node_modules/other'), { recursive: true });
  writeFileSync(join(path, 'shop/node_modules/other/package.json'), '{"name":"other","type":"module","exports":"./main.js"}');
  writeFileSync(join(path, 'shop/node_modules/other/main.js'), calls);
  symlinkSync(join(path, 'clone/core'), join(path, 'shop/node_modules/seaworthy'));
  writeFileSync(join(path, 'shop/package.json'), '{"type":"module"}');
  const { own, toolkits, others, within, later } = await written<Readonly<Record<string, () => never>>>(
    'shop/own.ts',
    [
      "import { run, refuse } from 'seaworthy';",
      "import * as other from 'other';",
      "import * as cli from '../clone/cli/dist/deep/main.js';",
      "export const own = () => run(() => cli.run(() => { throw new Error('own'); }));",
      'export const toolkits = () => run(() => cli.run(refuse));',
      'export const others = () => run(() => other.refuse());',
      "export const within = () => { try { own() } catch (cause) { throw new Error('outer', { cause }) } };",
      'export async function later() {',
      '  await Promise.resolve();',
      '  refuse();',
      '}',
    ].join('\n'),
  );
  const location = (error: unknown): string | undefined => sourceLocation(error)?.replace(/^.*[\\/]shop[\\/]/, '');
  assert.equal(location(thrown(own as () => never)), 'own.ts:4:58');
  assert.equal(location(thrown(toolkits as () => never)), 'own.ts:5:45');
  assert.equal(location(thrown(others as () => never)), 'own.ts:6:45');
  assert.equal(location(thrown(within as () => never)), 'own.ts:4:58');
  assert.equal(location(await (later as () => Promise<never>)().catch((error: unknown) => error)), 'own.ts:10:3');
  const { default: odd } = await written<{ readonly default: () => never }>(
    'my (own)/x.ts',
    "export default function take() { throw new Error('x'); }",
  );
  assert.match(sourceLocation(thrown(odd)) ?? '', /my \(own\)[\\/]x\.ts:1:40$/);
  const { default: common } = await written<{ readonly default: () => never }>(
    'old/own.cjs',
    "module.exports = () => {\n  throw new Error('x');\n};",
  );
  assert.match(sourceLocation(thrown(common)) ?? '', /old[\\/]own\.cjs:2:9$/);
  assert.match(
    sourceLocation(await written('shop/odd.ts', 'export const x = ;\n').catch((error: unknown) => error)) ?? '',
    /shop[\\/]odd\.ts:1$/,
  );
});

test('an error without a frame in a file of the user has no location', () => {
  assert.equal(sourceLocation(new Error('of the command itself')), undefined);
  assert.equal(
    sourceLocation(Object.assign(new Error('x'), { stack: 'Error: x\n    at node:internal/x:1:1\n    at <anonymous>' })),
    undefined,
  );
  assert.equal(sourceLocation(Object.assign(new Error('x'), { stack: undefined })), undefined);
  assert.equal(sourceLocation('text'), undefined);
  // A path in a message is not a frame, and a malformed file URL is not a file.
  for (const line of ['/etc/passwd:12', 'file:///shop/x.ts:5:1', '    at file://host/x.ts:5:1', '    at file:///a%2Fb.ts:5:1'])
    assert.equal(sourceLocation(Object.assign(new Error('x'), { stack: `Error: x\n${line}` })), undefined, line);
  const circle = new Error('x');
  circle.stack = 'Error: x';
  circle.cause = circle;
  assert.equal(sourceLocation(circle), undefined);
  const evaluated = '    at eval (eval at foo (file:///shop/x.ts:1:2), <anonymous>:1:1)';
  assert.equal(sourceLocation(Object.assign(new Error('x'), { stack: `Error: x\n${evaluated}` })), undefined);
});
