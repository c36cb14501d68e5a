import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { begin, called, folder, harbour, seaworthy } from '../../fixtures/command.ts';

const { path: dir, remove } = folder();
after(remove);

interface Line {
  readonly url?: string;
  readonly services?: Readonly<Record<string, string>>;
}

async function started(args: readonly string[]): Promise<{ readonly line: Line; stop(): ReturnType<typeof seaworthy> }> {
  const running = begin(['start', ...args, '--fleet', harbour, '--dir', join(dir, 'state')], { env: { PORT: '0' } });
  const [line] = await running.printed(/^\{.*(run here|the fleet runs)"\}$/m);
  return {
    line: JSON.parse(line) as Line,
    stop() {
      running.child.kill('SIGTERM');
      return running.ended;
    },
  };
}

test('start runs the fleet with JSON logs; SIGTERM drains it, and it ends with 0', async () => {
  const { line, stop } = await started([]);
  const arrived = await fetch(`${line.url}/ships/Beagle`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"tons":235}',
  });
  assert.equal(arrived.status, 204);
  const { status, out, err } = await stop();
  assert.deepEqual([status, err], [0, '']);
  assert.match(out, /"msg":"SIGTERM: it stops"[\s\S]*"msg":"it has stopped"/);
});

test('start takes services of the fleet, each in a process of its own, which find each other at fixed addresses', async () => {
  const quay = await started(['docks', '--ports', '1']);
  const address = quay.line.services?.['docks'] ?? assert.fail('docks listens');
  const rest = await started(['ships', 'gateway', '--addresses', `docks=${address}`, '--port', '0']);
  const answer = await fetch(`${rest.line.url}/docks`);
  assert.deepEqual(await answer.json(), { ships: ['Beagle'] });
  assert.deepEqual([(await rest.stop()).status, (await quay.stop()).status], [0, 0]);
});

test('what cannot be started is refused with what to do', async () => {
  const broken = join(dir, 'broken.ts');
  writeFileSync(broken, 'export default { services: 7 };\n');
  const throwing = join(dir, 'throwing.ts');
  writeFileSync(throwing, "throw new Error('no such harbour');\n");
  const at = ['--fleet', harbour, '--dir', join(dir, 'state')];
  const wrong: readonly (readonly [readonly string[], number, RegExp])[] = [
    [['quay', ...at], 2, /the fleet has no service quay: it has ships, docks \(SW_CLI_USAGE_INVALID\)/],
    [['ships', ...at], 1, /the saga unload of ships calls docks, which neither runs in this process nor has an address/],
    [['--port', 'all', ...at], 2, /--port is "all": it takes a port from 0 to 65535/],
    [['--ports', 'yes', ...at], 2, /--ports is "yes": it takes 0, 1 or ports by name/],
    [['--fleet', 'none.ts'], 2, /there is no file .*none\.ts: name the file whose default export is the fleet/],
    [['--fleet', broken], 1, /broken\.ts gives no fleet: the default export is neither a fleet/],
    [['--fleet', throwing], 1, /throwing\.ts cannot be loaded: no such harbour[\s\S]*throwing\.ts:1/],
    [['--prot', '1'], 2, /unknown option '--prot'\n\(Did you mean --port\?\)/],
  ];
  await Promise.all(
    wrong.map(async ([args, status, message]) => {
      const ended = await seaworthy(['start', ...args], { cwd: dir });
      assert.equal(ended.status, status, `${args.join(' ')}: ${ended.out}${ended.err}`);
      assert.match(ended.err, message);
    }),
  );
});

test('the fleet file is named in package.json, or has a usual name; otherwise it is said where it was looked for', async () => {
  const print = (): ReturnType<typeof seaworthy> => called(['contract', 'print', 'quay'], { cwd: dir });
  writeFileSync(join(dir, 'package.json'), '{"type":"module"}');
  assert.match((await print()).err, /there is no fleet\.ts and no src\/fleet\.ts in .*: name the file, or put/);
  writeFileSync(join(dir, 'package.json'), JSON.stringify({ type: 'module', seaworthy: { fleet: 'gone.ts' } }));
  assert.match((await print()).err, /the field seaworthy\.fleet of .*package\.json names gone\.ts, which is not there/);
  writeFileSync(
    join(dir, 'package.json'),
    JSON.stringify({ type: 'module', seaworthy: { fleet: harbour.slice(1).replace(/^/, '../'.repeat(dir.split('/').length - 1)) } }),
  );
  assert.match((await print()).err, /the fleet has no service quay: it has ships, docks/);
  writeFileSync(join(dir, 'package.json'), '{');
  assert.match((await print()).err, /package\.json is no JSON/);
  rmSync(join(dir, 'package.json'));
});

test('where package.json makes CommonJS of what is written as ESM, it says what to do', async () => {
  const common = join(dir, 'common');
  mkdirSync(common);
  writeFileSync(join(common, 'package.json'), '{"type":"commonjs"}');
  const remedy =
    /, since package\.json says "type": "commonjs": run `npm pkg set type=module`, or let the names of the fleet's files end in \.mts or \.mjs \(SW_/;
  for (const [file, text, said] of [
    ['importing.ts', "import 'node:fs';\n", remedy],
    ['exporting.ts', 'export default {};\n', remedy],
    ['script.js', "import 'node:fs';\n", remedy],
    ['half.mts', "import { part } from './part.ts';\nexport default part;\n", remedy],
    // Its name says what it is, whatever package.json says.
    ['fleet.cts', 'export default {};\n', /Unexpected token 'export' \(SW_/],
    ['mistaken.mts', 'export default {;\n', /mistaken\.mts cannot be loaded: [^:]*\(SW_/],
    ['mistyped.mts', "import { raed } from 'node:fs';\nexport default raed;\n", /an export named 'raed' \(SW_/],
  ] as const) {
    writeFileSync(join(common, 'part.ts'), 'export const part = {};\n');
    writeFileSync(join(common, file), text);
    const { status, err } = await called(['contract', 'print', '--fleet', file], { cwd: common });
    assert.equal(status, 1, file);
    assert.match(err, said);
  }
});
