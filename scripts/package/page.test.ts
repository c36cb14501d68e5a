import assert from 'node:assert/strict';
import { test } from 'node:test';
import { matches, partsOf } from './page.ts';
import { packed } from './papers.ts';
import { packedFiles } from './tarball.ts';

const fence = '```';

test('a tutorial consists of files to write and commands to run, some with their output', () => {
  const page = `# T\n${fence}ts a/b.ts\nlet x;\n${fence}\ntext\n${fence}sh\none\ntwo\n${fence}\n${fence}console\n$ three\nfirst\nsecond\n$ four &\n${fence}\n`;
  assert.deepEqual(partsOf(page), [
    { kind: 'file', path: 'a/b.ts', text: 'let x;\n' },
    { kind: 'run', command: 'one', prints: undefined, line: 7 },
    { kind: 'run', command: 'two', prints: undefined, line: 8 },
    { kind: 'run', command: 'three', prints: ['first', 'second'], line: 11 },
    { kind: 'run', command: 'four &', prints: [], line: 14 },
  ]);
  assert.throws(() => partsOf(`${fence}ts\nx\n${fence}\n`), /line 1: a block marked ts is neither written nor run/);
});

test('output is compared exactly, except for dots', () => {
  assert.ok(matches('{"seat":1}\n', ['{"seat":1}']));
  assert.ok(matches('{"status":400,"issues":[]}', ['{"status":400...']));
  assert.ok(!matches('{"seat":2}', ['{"seat":1}']));
  assert.ok(!matches('{"seat":1}\nmore', ['{"seat":1}']));
  assert.ok(!matches('xseaty', ['.seat.']));
  assert.ok(matches('', []));
  for (const before of ['', 'one\n', 'one\ntwo\n']) assert.ok(matches(`${before}open at 1`, ['...', 'open at ...']));
  assert.ok(!matches('one\nclosed', ['...', 'open at ...']));
});

test('a link of a page that leads out of the package becomes its text', () => {
  const inside = new Set(['README.md', 'docs/saga.md', 'docs/guides/sagas.md']);
  const text = '[a](../saga.md#what) [b](../../CONTRIBUTING.md) [c](#here) [d](https://example.org) [e](sagas.md)';
  assert.equal(packed('docs/guides/x.md', text, inside), '[a](../saga.md#what) b [c](#here) [d](https://example.org) [e](sagas.md)');
});

test('a tarball without its documents, with tests, or with dangling source maps is refused', () => {
  const papers = ['README.md', 'CHANGELOG.md', 'LICENSE', 'package.json', 'docs/errors.md', 'docs/guides/sagas.md'];
  const modules = Array.from({ length: 60 }, (_, index) => [`dist/x/m${index}.js.map`, `src/x/m${index}.ts`]).flat();
  packedFiles([...papers, ...modules]);
  assert.throws(() => packedFiles([...papers.slice(1), ...modules]), /README\.md/);
  assert.throws(() => packedFiles([...papers, ...modules, 'src/x/a.test.ts']), /a\.test\.ts/);
  for (const own of ['src/x/a.fixture.ts', 'src/outbox/conformance.ts'])
    assert.throws(() => packedFiles([...papers, ...modules, own]), new RegExp(own));
  assert.throws(() => packedFiles([...papers, ...modules, 'dist/x/lost.js.map']), /lost\.ts/);
});
