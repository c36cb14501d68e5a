import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { arrowsJson } from './arrows.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const src = 'packages/seaworthy/src';

/** What is planted where, what refuses it, and what would have been right in its place. */
const planted: readonly {
  readonly rule: string;
  readonly file: string;
  readonly wrong: string;
  readonly right: string;
  readonly says: RegExp;
}[] = [
  ...[
    ['a module does not import one above it', 'store', '../saga/engine.ts', /store may import only modules below it/],
    ['modules of one level do not import each other', 'resilience', '../contract/schema.ts', /resilience may import only modules below it/],
    ['contracts do not carry their documents', 'contract', '../documents/openapi.ts', /contract may import only modules below it/],
    ['contracts do not carry their check', 'contract', '../compatibility/lock.ts', /contract may import only modules below it/],
    ['documents and the check are apart', 'documents', '../compatibility/lock.ts', /documents may import only modules below it/],
    ['core imports no other module', 'core', '../store/store.ts', /core may import only modules below it/],
    ['the saga does not know services', 'saga', '../service/service.ts', /saga may import only modules below it/],
    ['the HTTP server does not know services', 'http', '../service/service.ts', /http may import only modules below it/],
    ['the HTTP server makes no calls', 'http', 'undici', /Only drivers/],
    ['files do not import barrels', 'service', '../store/index.ts', /never barrels/],
    ['drivers import the files of their kit, as the kit does', 'bus', './driver-kit.ts', /never barrels/],
    ['the package does not import itself', 'service', 'seaworthy/store', /never barrels/],
    ['only drivers and transports import clients', 'store', 'node:sqlite', /Only drivers/],
    ['only drivers and transports import HTTP clients', 'client', 'undici', /Only drivers/],
  ].map(([rule, module, from, says]) => ({
    rule: rule as string,
    file: `${src}/${module}/planted-${(from as string).replaceAll(/\W/g, '')}.ts`,
    wrong: `import { x } from '${from}';\nx();\n`,
    right: "import { x } from '../core/errors.ts';\nx();\n",
    says: says as RegExp,
  })),
  ...(
    [
      ['now', 'export const x = Date.now();', /come from the Runtime/],
      ['date', 'export const x = new Date();', /come from the Runtime/],
      ['random', 'export const x = Math.random();', /come from the Runtime/],
      ['uuid', 'export const x = crypto.randomUUID();', /come from the Runtime/],
      ['performance', 'export const x = performance.now();', /come from the Runtime/],
      ['any-signal', 'export const x = AbortSignal.any([]);', /come from the Runtime/],
      ['timeout-signal', 'export const x = AbortSignal.timeout(1);', /come from the Runtime/],
      ['timeout', 'setTimeout(() => {}, 1);', /clock of the Runtime/],
      ['interval', 'setInterval(() => {}, 1);', /clock of the Runtime/],
      ['immediate', 'setImmediate(() => {});', /clock of the Runtime/],
    ] as const
  ).map(([name, wrong, says]) => ({
    rule: `no ${name} from globals`,
    file: `${src}/outbox/planted-${name}.ts`,
    wrong: `${wrong}\n`,
    right: 'export const x = new Date(0);\n',
    says,
  })),
  {
    rule: 'no any',
    file: `${src}/outbox/planted-any.ts`,
    wrong: 'export const x = (y: any): number => y;\n',
    right: 'export const x = (y: number): number => y;\n',
    says: /noExplicitAny/,
  },
  {
    rule: 'no enum',
    file: `${src}/outbox/planted-enum.ts`,
    wrong: 'export enum X {\n  A,\n}\n',
    right: "export type X = 'A';\n",
    says: /noEnum/,
  },
  {
    rule: 'no skipped test',
    file: `${src}/outbox/planted.test.ts`,
    wrong: "import { test } from 'node:test';\n\ntest.skip('x', () => {});\n",
    right: "import { test } from 'node:test';\n\ntest('x', () => {});\n",
    says: /noSkippedTests/,
  },
  {
    rule: 'examples import published subpaths only',
    file: 'examples/shop/planted.ts',
    wrong: "import { x } from '../../packages/seaworthy/src/core/errors.ts';\n\nx();\n",
    right: "import { x } from 'seaworthy/core';\n\nx();\n",
    says: /published subpaths only/,
  },
  {
    rule: 'the command imports published subpaths only',
    file: 'packages/cli/src/planted.ts',
    wrong: "import { x } from '../../seaworthy/src/core/errors.ts';\n\nx();\n",
    right: "import { x } from 'seaworthy/core';\n\nx();\n",
    says: /published subpaths only/,
  },
];

const folder = mkdtempSync(join(tmpdir(), 'seaworthy-lint-'));
after(() => rmSync(folder, { recursive: true, force: true }));

/** What lint says of each file, with the wrong or the right text in it. */
function lint(which: 'wrong' | 'right'): string {
  for (const { file, [which]: text } of planted) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), text);
  }
  const { stdout, stderr } = spawnSync(join(root, 'node_modules/.bin/biome'), ['lint', '--max-diagnostics=none', '--colors=off', '.'], {
    cwd: folder,
    encoding: 'utf8',
  });
  return stdout + stderr;
}

let refusals = '';
before(() => {
  cpSync(join(root, 'biome.json'), join(folder, 'biome.json'));
  cpSync(join(root, 'lint'), join(folder, 'lint'), { recursive: true, filter: (path) => !path.endsWith('.test.ts') });
  refusals = lint('wrong');
});

for (const { rule, file, says } of planted) {
  test(`lint: ${rule}`, () => {
    const about = refusals.split(/^(?=\S+\.ts:\d)/m).filter((part) => part.startsWith(file));
    assert.ok(
      about.some((part) => says.test(part)),
      `${file} was not refused by ${says}: ${about.join('\n') || refusals.slice(0, 2000)}`,
    );
  });
}

test('lint: what would have been right is accepted', () => {
  assert.match(lint('right'), /No fixes applied|Checked \d+ files/);
  assert.doesNotMatch(lint('right'), /Found \d+ error/);
});

test('lint: lint/arrows.json is what lint/arrows.ts makes', () => {
  assert.equal(readFileSync(join(root, 'lint/arrows.json'), 'utf8'), arrowsJson(), 'lint/arrows.json is stale: run npm run fix');
});
