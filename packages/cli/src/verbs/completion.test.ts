import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { called, seaworthy } from '../command.fixture.ts';
import { program } from '../program.ts';
import { candidates } from './completion.ts';

const after = (line: string): string => candidates(program(), line.split(' ')).join(' ');

test('completion offers the verbs, options and choices of the command', () => {
  assert.equal(after(''), 'dev start new dead-letters sagas backup contract completion');
  assert.equal(after('dead-letters '), 'list show edit redrive drop');
  assert.match(after('dead-letters list --'), /^--fleet --service --dir --json --type --reason --key --older-than --limit --help$/);
  assert.equal(after('dead-letters list --reason '), 'failed poison expired unhandled crashed unreadable');
  assert.equal(after('sagas '), 'list show verdict stop retry');
  assert.match(after('sagas stop some-id --'), /--reason --by --yes --help$/);
  assert.equal(after('sagas verdict some-id '), 'retry skip result');
  assert.equal(after('completion '), 'bash zsh fish');
  assert.equal(after('start --dir there '), '');
});

test('completion offers every verb and option that help names', () => {
  let seen = 0;
  function compare(at: Command, path: readonly string[]): void {
    const help = at.createHelp();
    const options = [...help.formatHelp(at, help).matchAll(/^ {2}(?:-\w, )?(--[\w-]+)/gm)].map(([, long]) => long);
    assert.deepEqual(candidates(program(), [...path, '--']), options, path.join(' '));
    const verbs = help.visibleCommands(at);
    if (verbs.length > 0)
      assert.deepEqual(
        candidates(program(), [...path, '']),
        verbs.map((verb) => verb.name()),
      );
    for (const verb of verbs) compare(verb, [...path, verb.name()]);
    seen += options.length;
  }
  compare(program(), []);
  assert.ok(seen > 80, `only ${seen} options were seen`);
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

test('zsh and fish have scripts, other shells are refused; every verb has help', async () => {
  // Each script asks the command for its candidates and has no list of its own.
  const asks = 'seaworthy complete -- ';
  for (const [shell, hook] of [
    ['bash', /^complete .*-F _seaworthy seaworthy$/m],
    ['zsh', /^#compdef seaworthy\n[\s\S]*^compdef _seaworthy seaworthy$/m],
    ['fish', /^complete -c seaworthy -a '\(__seaworthy\)'$/m],
  ] as const) {
    const { out } = await called(['completion', shell]);
    assert.deepEqual([out.includes(asks), hook.test(out)], [true, true], shell);
  }
  const other = await seaworthy(['completion', 'csh']);
  assert.deepEqual([other.status, /Allowed choices are bash, zsh, fish/.test(other.err)], [2, true]);
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { readonly version: string };
  assert.deepEqual(await seaworthy(['--version']), { status: 0, out: `${version}\n`, err: '' });
  const help = await called(['sagas', 'verdict', '--help']);
  assert.deepEqual([help.status, /^Usage: seaworthy sagas verdict/.test(help.out)], [0, true]);
  assert.equal((await called([])).status, 2);
  assert.equal((await called(['dead-letters'])).status, 2);
  const typo = await called(['sagas', 'lst']);
  assert.deepEqual([typo.status, /unknown command 'lst'[\s\S]*Did you mean list/.test(typo.err)], [2, true]);
});

test('a Node that is too old is refused with one sentence', () => {
  const bin = fileURLToPath(new URL('../../bin/seaworthy.js', import.meta.url));
  const older = 'data:text/javascript,Object.defineProperty(process,"versions",{value:{...process.versions,node:"20.1.0"}})';
  const { status, stderr } = spawnSync(process.execPath, ['--import', older, bin, '--version'], { encoding: 'utf8' });
  assert.deepEqual([status, stderr], [2, 'seaworthy needs Node 22.19 or newer, and this is 20.1.0: install a newer Node.\n']);
});
