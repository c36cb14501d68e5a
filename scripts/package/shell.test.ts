import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { shell } from './shell.ts';

function lives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function gone(pid: number): Promise<void> {
  while (lives(pid)) await pause(5);
}

test('a shell runs commands in order and returns their status and the output of background jobs', async () => {
  const terminal = shell(import.meta.dirname, { GREETING: 'ahoy' });
  let pid = 0;
  try {
    assert.equal((await terminal.run('cd .. && echo "$GREETING"')).printed, 'ahoy\n');
    assert.match((await terminal.run('pwd')).printed, /scripts\n$/);
    assert.deepEqual(await terminal.run('echo alas >&2; false'), { printed: '', status: 1, complained: 'alas\n' });
    const { printed } = await terminal.run('(echo up; exec sleep 1000) &');
    assert.equal(printed + (await terminal.background((text) => (printed + text).includes('up'))), 'up\n');
    pid = Number((await terminal.run('jobs -p %1')).printed);
    assert.ok(lives(pid));
  } finally {
    await terminal.close();
  }
  await gone(pid);
});

test('background jobs of a shell end whenever its owner ends', async () => {
  const program = `
    const { shell } = await import(${JSON.stringify(pathToFileURL(join(import.meta.dirname, 'shell.ts')).href)});
    const terminal = shell('.', {});
    console.log((await terminal.run('sleep 1000 & echo $!')).printed.trim());
    setInterval(() => {}, 1000);`;
  const owner = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', program]);
  const pid = Number(await new Promise<string>((resolve) => owner.stdout.setEncoding('utf8').once('data', resolve)));
  assert.ok(lives(pid));
  owner.kill('SIGKILL');
  await gone(pid);
});
