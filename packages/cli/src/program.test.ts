import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { folder, seaworthy } from './command.fixture.ts';

const { path: dir, remove } = folder();
after(remove);

/** A module that is loaded before the command and records each file that is loaded after it, by `import` or by `require`. */
const tracer = `data:text/javascript,${encodeURIComponent(`
  import { writeFileSync } from 'node:fs';
  import { registerHooks } from 'node:module';
  const loaded = [];
  registerHooks({
    load(url, context, next) {
      if (url.startsWith('file:')) loaded.push(url);
      return next(url, context);
    },
  });
  process.on('exit', () => writeFileSync(process.env.LOADED, loaded.join('\\n')));
`)}`;

/** Lists the files that one call of the command loads. */
async function loadedBy(args: readonly string[]): Promise<readonly string[]> {
  const file = join(dir, args.join(' '));
  await seaworthy(args, { cwd: dir, env: { LOADED: file, NODE_OPTIONS: `--import=${tracer}` } });
  return readFileSync(file, 'utf8').split('\n');
}
const foreign = (files: readonly string[]): readonly string[] =>
  files.filter((file) => !/\/packages\/cli\/(bin|src)\/|\/node_modules\/commander\//.test(file));

test('help, completion and wrong usage load only the command itself; a verb loads what it needs', async () => {
  const light = [
    '--help',
    '--version',
    'dead-letters list --help',
    'completion bash',
    'complete -- sagas ver',
    'sagas lst',
    'contract print --lok',
  ];
  const calls = await Promise.all(light.map((line) => loadedBy(line.split(' '))));
  for (const [index, files] of calls.entries()) {
    assert.ok(
      files.some((file) => file.endsWith('/cli/src/program.ts')),
      light[index],
    );
    assert.deepEqual(foreign(files), [], light[index]);
  }
  const verb = foreign(await loadedBy(['sagas', 'list', '--limit', 'none']));
  assert.ok(
    verb.some((file) => file.includes('/seaworthy/src/saga/')),
    'the tracer sees the files of a verb',
  );
});
