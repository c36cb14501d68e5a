import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const folder = join(import.meta.dirname, '../../messages');
const tsc = join(import.meta.dirname, '../../../../node_modules/typescript/bin/tsc');

/** What the compiler says about the wrong programs: the line that it is about, and then its message. */
function messages(): string {
  const { stdout } = spawnSync(process.execPath, [tsc, '-p', folder, '--pretty', 'false'], { cwd: folder, encoding: 'utf8' });
  return stdout.replaceAll(/^(\S+)\((\d+),\d+\): (error TS\d+: )/gm, (_, file: string, line: string, error: string) => {
    const source = readFileSync(join(folder, file), 'utf8').split('\n')[Number(line) - 1];
    return `\n${file}: ${source?.trim()}\n${error}`;
  });
}

test('the compiler says what is wrong with a program in the words of messages.txt', { timeout: 60_000 }, (t) => {
  const said = messages();
  for (const file of globSync('*.wrong.ts', { cwd: folder })) assert.ok(said.includes(`\n${file}: `), `${file} is not wrong`);
  t.assert.fileSnapshot(said, join(folder, 'messages.txt'), { serializers: [(text) => text] });
});
