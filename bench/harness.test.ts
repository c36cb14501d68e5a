import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

const folder = mkdtempSync(join(tmpdir(), 'seaworthy-bench-'));
after(() => rmSync(folder, { recursive: true, force: true }));

test('a benchmark prints its result, and writes it to a file with --save', () => {
  copyFileSync(join(import.meta.dirname, 'harness.ts'), join(folder, 'harness.ts'));
  const metric = "{ metric: 'wait', unit: 'ms', ours: () => 1, peers: { other: () => 2 } }";
  writeFileSync(join(folder, 'tiny.mts'), `import { bench } from './harness.ts';\nawait bench('tiny', [${metric}], { rounds: 1 });\n`);
  const ran = (...args: readonly string[]): string => spawnSync(process.execPath, [join(folder, 'tiny.mts'), ...args]).stdout.toString();
  const results = join(folder, 'results');
  const table = /^\| wait \| ms \| 1\.00 \| other 2\.00 \|/m;
  assert.match(ran(), table);
  assert.equal(existsSync(results), false);
  assert.match(ran('--save'), table);
  assert.deepEqual(readdirSync(results).sort(), ['tiny.json', 'tiny.md']);
});
