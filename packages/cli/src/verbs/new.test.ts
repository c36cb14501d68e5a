import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { begin, called, type Ended, folder, seaworthy } from '../command.fixture.ts';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../../../../', import.meta.url));
const { path, remove } = folder();
after(remove);

const newFolder = (name: string): string => {
  const cwd = join(path, name);
  mkdirSync(cwd);
  return cwd;
};
const create = (cwd: string, ...args: string[]): Promise<Ended> => seaworthy(['new', ...args], { cwd });
const conditions = '--conditions=@seaworthy/source';

/** Runs the test of a new service. Rejects when the test fails. */
function tested(cwd: string, test: string): Promise<{ readonly stdout: string }> {
  symlinkSync(join(root, 'node_modules'), join(cwd, 'node_modules'));
  return run(process.execPath, [conditions, '--test', '--test-reporter=tap', test], {
    cwd,
    env: { ...process.env, NODE_TEST_CONTEXT: undefined },
  });
}

/** Asserts that the new service passes its own test and the type check of its project. */
async function passes(cwd: string, test: string): Promise<void> {
  const { stdout } = await tested(cwd, test);
  assert.match(stdout, /^# pass 1$/m);
  await run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', '.', '--customConditions', '@seaworthy/source'], {
    cwd,
  });
}

test('new makes a project in an empty folder that passes its test, type-checks and runs', async () => {
  const cwd = newFolder('empty');
  const { out, status } = await create(cwd, 'card-box');
  assert.equal(status, 0);
  assert.match(out, /npm install && node --test card-box\/service\.test\.ts && npx seaworthy dev/);
  assert.deepEqual(readdirSync(cwd).sort(), ['.gitignore', 'card-box', 'fleet.ts', 'package.json', 'tsconfig.json']);
  await passes(cwd, 'card-box/service.test.ts');
  const running = begin(['start', '--port', '0'], { cwd });
  const [line] = await running.printed(/^\{.*"the fleet is running"\}$/m);
  const { url } = JSON.parse(line) as { readonly url: string };
  const added = await fetch(`${url}/card-box/one`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"text":"x"}',
  });
  running.child.kill('SIGTERM');
  assert.deepEqual([added.status, (await running.ended).status], [201, 0]);
});

test('new adds only the files of the service to a project, beside the fleet file, and prints what to add to it', async () => {
  const cwd = newFolder('project');
  mkdirSync(join(cwd, 'src'));
  writeFileSync(join(cwd, 'package.json'), '{"type":"module","dependencies":{"zod":"4"}}');
  writeFileSync(join(cwd, 'src/fleet.ts'), '// mine\n');
  writeFileSync(join(cwd, 'tsconfig.json'), readFileSync(fileURLToPath(new URL('../../templates/tsconfig.json', import.meta.url))));
  const { out, status } = await create(cwd, 'parcels');
  assert.equal(status, 0);
  assert.match(out, /Add it to src\/fleet\.ts:[\s\S]*import parcels from '\.\/parcels\/service\.ts';[\s\S]*services: \[\.\.\., parcels\]/);
  assert.match(out, /npm install seaworthy\n/);
  assert.equal(readFileSync(join(cwd, 'src/fleet.ts'), 'utf8'), '// mine\n');
  assert.deepEqual(readdirSync(cwd).sort(), ['package.json', 'src', 'tsconfig.json']);
  assert.deepEqual(readdirSync(join(cwd, 'src/parcels')).sort(), ['contract.ts', 'service.test.ts', 'service.ts']);
  await passes(cwd, 'src/parcels/service.test.ts');
});

test('new writes a tsconfig.json to a project that has none there or above', async () => {
  const cwd = newFolder('plain');
  writeFileSync(join(cwd, 'package.json'), '{"dependencies":{"seaworthy":"0","zod":"4"}}');
  const { out, status } = await create(cwd, 'card-box');
  assert.equal(status, 0);
  assert.match(out, /\+ tsconfig\.json\n/);
  assert.match(out, /lacks:\n\n {4}npm pkg set type=module {4}# [^\n]*\n {4}npm install --save-dev typescript @types\/node\n/);
  assert.deepEqual(readdirSync(cwd).sort(), ['card-box', 'fleet.ts', 'package.json', 'tsconfig.json']);
  writeFileSync(join(cwd, 'package.json'), '{"type":"module"}');
  await passes(cwd, 'card-box/service.test.ts');

  const kept = newFolder('kept');
  writeFileSync(join(kept, 'package.json'), '{"type":"module","dependencies":{"seaworthy":"0","zod":"4"}}');
  writeFileSync(join(kept, 'tsconfig.json'), '{"files":[]}');
  const made = await called(['new', 'desk'], { cwd: kept });
  assert.deepEqual([made.status, /lacks/.test(made.out)], [0, false]);
  assert.equal(readFileSync(join(kept, 'tsconfig.json'), 'utf8'), '{"files":[]}');

  // Node detects the module system of a file, unless package.json has "type": "commonjs".
  for (const [name, manifest, advised] of [
    ['typeless', '{"dependencies":{"seaworthy":"0","zod":"4"}}', false],
    ['common', '{"type":"commonjs","dependencies":{"seaworthy":"0","zod":"4"}}', true],
  ] as const) {
    const other = newFolder(name);
    writeFileSync(join(other, 'package.json'), manifest);
    writeFileSync(join(other, 'tsconfig.json'), '{}');
    assert.equal(/npm pkg set type=module/.test((await called(['new', 'desk'], { cwd: other })).out), advised, name);
  }

  const member = join(kept, 'member');
  mkdirSync(member);
  writeFileSync(join(member, 'package.json'), '{"type":"module"}');
  assert.equal((await called(['new', 'desk'], { cwd: member })).status, 0);
  assert.deepEqual(readdirSync(member).sort(), ['desk', 'fleet.ts', 'package.json']);
});

test('the test of a service that does not start fails with the error of the start', async () => {
  const cwd = newFolder('broken');
  assert.equal((await called(['new', 'card-box'], { cwd })).status, 0);
  const service = join(cwd, 'card-box/service.ts');
  writeFileSync(service, readFileSync(service, 'utf8').replace('create table entry', 'create nonsense entry'));
  const { stdout } = await tested(cwd, 'card-box/service.test.ts').catch((error: { readonly stdout: string }) => error);
  assert.match(stdout, /^# fail 1$/m);
  assert.match(stdout, /near "nonsense": syntax error/);
  assert.doesNotMatch(stdout, /TypeError/);
});

test('a new service has the same paths in its contract and at the gateway', async () => {
  const cwd = newFolder('paths');
  assert.equal((await called(['new', 'card-box'], { cwd })).status, 0);
  const paths = (file: string): readonly string[] =>
    (readFileSync(join(cwd, file), 'utf8').match(/'(GET|POST) [^']+'/g) ?? []).map((http) => http.slice(1, -1)).sort();
  assert.deepEqual(paths('fleet.ts'), ['GET /card-box', 'POST /card-box/{entryId}']);
  assert.deepEqual(paths('card-box/contract.ts'), paths('fleet.ts'));
});

test('new overwrites no file, and refuses invalid names', async () => {
  const cwd = newFolder('there');
  mkdirSync(join(cwd, 'desk'));
  writeFileSync(join(cwd, 'desk/service.ts'), '// mine\n');
  const taken = await create(cwd, 'desk');
  assert.equal(taken.status, 1);
  assert.match(taken.err, /desk\/service\.ts exists already: choose another name/);
  assert.equal(existsSync(join(cwd, 'desk/contract.ts')), false);
  for (const name of ['Desk', '1desk', 'desk-', 'my desk', '../desk', 'delete', 'bus', 'metrics', 'docs']) {
    const { status, err } = await called(['new', name], { cwd });
    assert.deepEqual([status, /cannot name a service/.test(err)], [2, true], name);
  }
  assert.equal((await called(['new'], { cwd })).status, 2);
});

test('the template depends on the versions that it is tested with', () => {
  const of = (file: string): Readonly<Record<string, Readonly<Record<string, string>>>> =>
    JSON.parse(readFileSync(join(root, file), 'utf8'));
  const made = of('packages/cli/templates/package.json');
  const tested = of('package.json')['devDependencies'] ?? {};
  for (const name of ['@types/node', 'typescript']) assert.equal(made['devDependencies']?.[name], tested[name]);
  assert.equal(made['dependencies']?.['zod'], tested['zod']);
  for (const [name, file] of [
    ['seaworthy', 'packages/seaworthy'],
    ['@seaworthy/cli', 'packages/cli'],
  ] as const)
    assert.equal(made['dependencies']?.[name], `^${String(of(`${file}/package.json`)['version'])}`);
});
