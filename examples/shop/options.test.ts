import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { test } from 'node:test';

const flags = ['--conditions=@seaworthy/source', '--disable-warning=ExperimentalWarning'];

for (const [program, args, says] of [
  ['storm', ['--seeds', 'abc'], '--seeds must be a whole number from 0 to 999999999, got "abc"\n'],
  ['fuzz', ['--requests', '1e3'], '--requests must be a whole number from 0 to 999999999, got "1e3"\n'],
  [
    'crash',
    ['--round', '5'],
    "Unknown option '--round'; the options are --rounds, --points, --several, --seed, --orders, --store, --blows, --down\n",
  ],
  ['crash', ['--store', 'oracle'], '--store must be files or postgres, got "oracle"\n'],
] as const) {
  test(`${program} ${args.join(' ')} is refused before anything runs`, () => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [...flags, resolve(import.meta.dirname, program, 'main.ts'), ...args], {
      encoding: 'utf8',
      timeout: 30_000,
    });
    assert.deepEqual([status, stdout, stderr], [2, '', says]);
  });
}
