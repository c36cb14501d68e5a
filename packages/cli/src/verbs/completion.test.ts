import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { seaworthy } from '../../fixtures/command.ts';
import { program } from '../program.ts';
import { candidates } from './completion.ts';

const after = (line: string): string => candidates(program(), line.split(' ')).join(' ');

test('what may follow is what the command knows: verbs, options, choices', () => {
  assert.equal(after(''), 'dev start new dead-letters sagas contract completion');
  assert.equal(after('dead-letters '), 'list show edit redrive drop');
  assert.match(after('dead-letters list --'), /^--fleet --service --dir --json --type --reason --key --older-than --limit --help$/);
  assert.equal(after('dead-letters list --reason '), 'failed poison expired unhandled');
  assert.equal(after('sagas verdict some-id '), 'retry skip result');
  assert.equal(after('completion '), 'bash zsh fish');
  assert.equal(after('start --dir there '), '');
});

test('the script for bash completes by asking the command', async () => {
  const { out, status } = await seaworthy(['completion', 'bash']);
  assert.equal(status, 0);
  const bin = fileURLToPath(new URL('../../bin/seaworthy.js', import.meta.url));
  const typed = `${out}
seaworthy() { '${process.execPath}' --conditions=@seaworthy/source '${bin}' "$@"; }
COMP_WORDS=(seaworthy dead-letters re); COMP_CWORD=2; _seaworthy; echo "\${COMPREPLY[*]}"`;
  const ran = spawnSync('bash', ['-c', typed], { encoding: 'utf8' });
  assert.equal(ran.stdout, 'redrive\n', ran.stderr);
});

test('zsh and fish have theirs, other shells are refused; help and version are everywhere', async () => {
  assert.match((await seaworthy(['completion', 'zsh'])).out, /^#compdef seaworthy/);
  assert.match((await seaworthy(['completion', 'fish'])).out, /^complete -c seaworthy/m);
  const other = await seaworthy(['completion', 'csh']);
  assert.deepEqual([other.status, /Allowed choices are bash, zsh, fish/.test(other.err)], [2, true]);
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { readonly version: string };
  assert.deepEqual(await seaworthy(['--version']), { status: 0, out: `${version}\n`, err: '' });
  const help = await seaworthy(['sagas', 'verdict', '--help']);
  assert.deepEqual([help.status, /^Usage: seaworthy sagas verdict/.test(help.out)], [0, true]);
  assert.equal((await seaworthy([])).status, 2);
  assert.equal((await seaworthy(['dead-letters'])).status, 2);
  const typo = await seaworthy(['sagas', 'lst']);
  assert.deepEqual([typo.status, /unknown command 'lst'[\s\S]*Did you mean list/.test(typo.err)], [2, true]);
});

test('a Node that is too old is told in one sentence', () => {
  const bin = fileURLToPath(new URL('../../bin/seaworthy.js', import.meta.url));
  const older = 'data:text/javascript,Object.defineProperty(process,"versions",{value:{...process.versions,node:"20.1.0"}})';
  const { status, stderr } = spawnSync(process.execPath, ['--import', older, bin, '--version'], { encoding: 'utf8' });
  assert.deepEqual([status, stderr], [2, 'seaworthy needs Node 22.19 or newer, and this is 20.1.0: install a newer Node.\n']);
});
