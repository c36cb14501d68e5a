import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../../../scripts/port.ts';
import { begin, called, folder, harbour, seaworthy } from '../command.fixture.ts';

const { path: dir, remove } = folder();
after(remove);
symlinkSync(fileURLToPath(new URL('../../../../node_modules', import.meta.url)), join(dir, 'node_modules'));

interface Line {
  readonly url?: string;
  readonly services?: Readonly<Record<string, string>>;
}

/** A fleet file of one service, with options. */
const fileOf = (options: string): string => `
  import { contract } from 'seaworthy/contract';
  import { runtime, silent } from 'seaworthy/core';
  import { fleet } from 'seaworthy/fleet';
  import { service } from 'seaworthy/service';
  const machine = () => ({ ${options} });
  export default { fleet: fleet({ services: [service(contract('alone', {}), { handlers: {} })] }), options: machine() };`;

/** A port that somebody has taken. */
async function listening(): Promise<{ readonly port: number; close(): void }> {
  const server = createServer();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return { port: (server.address() as AddressInfo).port, close: () => server.close() };
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

test('start --each runs a process for each service, starts again one that dies, and stops all', async () => {
  const port = await freePort();
  const state = join(dir, 'each');
  const running = begin(['start', '--each', '--fleet', harbour, '--dir', state, '--port', String(port)]);
  const arrive = (name: string): Promise<Response> =>
    fetch(`http://127.0.0.1:${port}/ships/${name}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"tons":1}',
    });
  const berths = async (): Promise<unknown> => (await fetch(`http://127.0.0.1:${port}/docks`)).json();
  for (const name of ['ships', 'docks', 'gateway']) await running.printed(new RegExp(`"msg":"${name} runs in a process of its own"`));
  assert.equal((await arrive('Beagle')).status, 204);
  const pid = Number((await running.printed(/"pid":(\d+)[^\n]*"docks runs in a process of its own"/))[1]);
  process.kill(pid, 'SIGKILL');
  await running.printed(/docks ended with SIGKILL: it is started again/);
  assert.equal((await arrive('Vasa')).status, 204);
  await running.printed(/"docks runs in[\s\S]*"docks runs in/);
  for (let seen: unknown; JSON.stringify(seen) !== '{"ships":["Beagle","Vasa"]}'; await new Promise((resolve) => setTimeout(resolve, 20)))
    seen = await berths();
  running.child.kill('SIGTERM');
  const { status, out, err } = await running.ended;
  assert.deepEqual([status, err], [0, '']);
  assert.equal(out.match(/"it has stopped"/g)?.length, 3);
  assert.match(out, /SIGTERM: all are stopped/);
});

test('start --each ends when a service cannot start at all, and says which', async () => {
  const { port, close } = await listening();
  const ended = await seaworthy(['start', '--each', '--fleet', harbour, '--dir', join(dir, 'each2'), '--port', String(port)]);
  close();
  assert.equal(ended.status, 1);
  assert.match(ended.err, /gateway did not start, and its process ended with 1: its own lines above say why \(SW_CLI_PROCESS_ENDED\)/);
});

test('what cannot be started is refused with what to do', async () => {
  const broken = join(dir, 'broken.ts');
  writeFileSync(broken, 'export default { services: 7 };\n');
  const throwing = join(dir, 'throwing.ts');
  writeFileSync(throwing, "throw new Error('no such harbour');\n");
  const portless = join(dir, 'portless.ts');
  writeFileSync(portless, fileOf(''));
  const taken = await listening();
  const at = ['--fleet', harbour, '--dir', join(dir, 'state')];
  const wrong: readonly (readonly [readonly string[], number, RegExp])[] = [
    [['quay', ...at], 2, /the fleet has no service quay: it has ships, docks, gateway \(SW_CLI_USAGE_INVALID\)/],
    [['gateway', '--fleet', portless], 2, /the fleet has no gateway: start services of it by name \(it has alone\)/],
    [
      ['ships', ...at],
      1,
      /calls docks, which neither runs in this process nor has an address: name it too, or say where it is with --addresses \(SW_FLEET_INVALID\)/,
    ],
    [['--ports', 'quay=0', ...at], 1, /--ports names quay, which the fleet does not have: it has ships, docks \(/],
    [['--addresses', 'docks=http://a:1/', '--ports', 'quay=1', ...at], 1, /--ports names quay/],
    [['--port', String(taken.port), ...at], 1, new RegExp(`${taken.port}[^\\n]*--port`)],
    [['--port', 'all', ...at], 2, /--port is "all": it takes a port from 0 to 65535/],
    [['--ports', 'yes', ...at], 2, /--ports is "yes": it takes 0, 1 or ports by name/],
    [['--fleet', 'none.ts'], 2, /there is no file .*none\.ts: name the file whose default export is the fleet/],
    [['--fleet', broken], 1, /broken\.ts gives no fleet: the default export is neither a fleet/],
    [['--fleet', throwing], 1, /throwing\.ts cannot be loaded: no such harbour[\s\S]*throwing\.ts:1/],
    [['ships', '--each', ...at], 2, /--each starts all services, each in its own process: leave out ships/],
    [['--each', '--port', '0', ...at], 2, /--each counts the ports of ships, docks from the gateway's on, which is 0/],
    [['--prot', '1'], 2, /unknown option '--prot'\n\(Did you mean --port\?\)/],
  ];
  await Promise.all(
    wrong.map(async ([args, status, message]) => {
      const ended = await seaworthy(['start', ...args], { cwd: dir });
      assert.equal(ended.status, status, `${args.join(' ')}: ${ended.out}${ended.err}`);
      assert.match(ended.err, message);
    }),
  );
  taken.close();
});

test('the runtime, the metrics, the port and the folder of the fleet file are those that start and dev use', async () => {
  const file = join(dir, 'reporting.ts');
  const state = join(dir, 'written in the file');
  writeFileSync(
    file,
    fileOf(`
      ports: { alone: 0 }, dir: ${JSON.stringify(state)}, exposition: () => 'mine 1\\n',
      runtime: runtime({ observe: { ...silent, log: (_, message, more) => console.log('MINE', message, JSON.stringify(more)), count: () => console.log('MINE counts') } }),`),
  );
  for (const args of [
    ['start', '--fleet', file],
    ['dev', file],
  ]) {
    const running = begin(args, { cwd: dir });
    try {
      const [, url] = await running.printed(/(http:\/\/127\.0\.0\.1:\d+)/);
      await running.printed(/^MINE counts$/m);
      assert.equal(await (await fetch(`${url}/metrics`)).text(), 'mine 1\n');
      assert.ok(existsSync(join(state, 'alone.db')), args[0]);
    } finally {
      running.child.kill('SIGTERM');
    }
    assert.equal((await running.ended).status, 0, args[0]);
  }
  // What the command is told goes before the file.
  const told = begin(['start', '--fleet', file, '--dir', join(dir, 'told')], { cwd: dir });
  await told.printed(/^MINE the fleet runs/m);
  told.child.kill('SIGTERM');
  await told.ended;
  assert.ok(existsSync(join(dir, 'told', 'alone.db')));
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
