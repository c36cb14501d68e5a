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

/** Makes the text of a fleet file with one service and the given options. */
const fileOf = (options: string): string => `
  import { contract } from 'seaworthy/contract';
  import { runtime, silent } from 'seaworthy/core';
  import { fleet } from 'seaworthy/fleet';
  import { service } from 'seaworthy/service';
  const machine = () => ({ ${options} });
  export default { fleet: fleet({ services: [service(contract('alone', {}), { handlers: {} })] }), options: machine() };`;

/** Opens a port that is then in use. */
async function listening(): Promise<{ readonly port: number; close(): void }> {
  const server = createServer();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return { port: (server.address() as AddressInfo).port, close: () => server.close() };
}

async function started(args: readonly string[]): Promise<{ readonly line: Line; stop(): ReturnType<typeof seaworthy> }> {
  const running = begin(['start', ...args, '--fleet', harbour, '--dir', join(dir, 'state')], { env: { PORT: '0' } });
  const [line] = await running.printed(/^\{.*"(running [\w, ]+|the fleet is running)"\}$/m);
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
  assert.match(out, /"msg":"stopping: SIGTERM"[\s\S]*"msg":"stopped"/);
});

test('start runs services of the fleet in several processes, which reach each other at fixed addresses', async () => {
  const quay = await started(['docks', '--ports', '1']);
  const address = quay.line.services?.['docks'] ?? assert.fail('docks listens');
  const rest = await started(['ships', 'gateway', '--addresses', `docks=${address}`, '--port', '0']);
  const answer = await fetch(`${rest.line.url}/docks`);
  assert.deepEqual(await answer.json(), { ships: ['Beagle'] });
  assert.deepEqual([(await rest.stop()).status, (await quay.stop()).status], [0, 0]);
});

test('start --each runs a process for each service, restarts one that dies, and stops all', async () => {
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
  for (const name of ['ships', 'docks', 'gateway']) await running.printed(new RegExp(`"msg":"${name} runs in its own process"`));
  assert.equal((await arrive('Beagle')).status, 204);
  const pid = Number((await running.printed(/"pid":(\d+)[^\n]*"docks runs in its own process"/))[1]);
  process.kill(pid, 'SIGKILL');
  await running.printed(/docks ended with SIGKILL; restarting/);
  assert.equal((await arrive('Vasa')).status, 204);
  await running.printed(/"docks runs in[\s\S]*"docks runs in/);
  for (let seen: unknown; JSON.stringify(seen) !== '{"ships":["Beagle","Vasa"]}'; await new Promise((resolve) => setTimeout(resolve, 20)))
    seen = await berths();
  running.child.kill('SIGTERM');
  const { status, out, err } = await running.ended;
  assert.deepEqual([status, err], [0, '']);
  assert.equal(out.match(/"stopped"/g)?.length, 3);
  assert.match(out, /stopping all processes: SIGTERM/);
});

test('start --each ends when a service cannot start, and names the service', async () => {
  const { port, close } = await listening();
  const ended = await seaworthy(['start', '--each', '--fleet', harbour, '--dir', join(dir, 'each2'), '--port', String(port)]);
  close();
  assert.equal(ended.status, 1);
  assert.match(ended.err, /gateway did not start, its process ended with 1: see its output above \(SW_CLI_PROCESS_ENDED\)/);
});

test('start refuses what it cannot start, with advice', async () => {
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
    [['gateway', '--fleet', portless], 2, /the fleet has no gateway: name services to start \(it has alone\)/],
    [
      ['ships', ...at],
      1,
      /calls docks, which neither runs in this process nor has an address: name it too, or give its address with --addresses \(SW_FLEET_INVALID\)/,
    ],
    [['--ports', 'quay=0', ...at], 1, /--ports names quay, which the fleet does not have: it has ships, docks \(/],
    [['--addresses', 'docks=http://a:1/', '--ports', 'quay=1', ...at], 1, /--ports names quay/],
    [['--port', String(taken.port), ...at], 1, new RegExp(`${taken.port}[^\\n]*--port`)],
    [['--port', 'all', ...at], 2, /--port must be a port from 0 to 65535, got "all"/],
    [['--ports', 'yes', ...at], 2, /--ports must be 0, 1 or ports by name, .*, got "yes"/],
    [['--fleet', 'none.ts'], 2, /there is no file .*none\.ts: name the file whose default export is the fleet/],
    [['--fleet', broken], 1, /broken\.ts does not export a fleet: the default export is neither a fleet/],
    [['--fleet', throwing], 1, /throwing\.ts cannot be loaded: no such harbour[\s\S]*throwing\.ts:1/],
    [['ships', '--each', ...at], 2, /--each starts all services, each in its own process: leave out ships/],
    [['--each', '--port', '0', ...at], 2, /--each numbers the ports of ships, docks from the gateway's port, which is 0/],
    [['--prot', '1'], 2, /unknown option '--prot'\n\(Did you mean --port\?\)/],
  ];
  const refused = async (command: typeof called, [args, status, message]: (typeof wrong)[number]): Promise<void> => {
    const ended = await command(['start', ...args], { cwd: dir });
    assert.equal(ended.status, status, `${args.join(' ')}: ${ended.out}${ended.err}`);
    assert.match(ended.err, message);
  };
  const isUsage = ([, status]: (typeof wrong)[number]): boolean => status === 2;
  await Promise.all(wrong.filter((one) => !isUsage(one)).map((one) => refused(seaworthy, one)));
  for (const one of wrong.filter(isUsage)) await refused(called, one);
  taken.close();
});

test('start and dev use the runtime, the metrics, the port and the folder of the fleet file', async () => {
  const file = join(dir, 'reporting.ts');
  const state = join(dir, 'written in the file');
  writeFileSync(
    file,
    fileOf(`
      listen: { services: { alone: 0 } }, dir: ${JSON.stringify(state)}, exposition: () => 'mine 1\\n',
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
  // An option of the command overrides the file.
  const overridden = begin(['start', '--fleet', file, '--dir', join(dir, 'given')], { cwd: dir });
  await overridden.printed(/^MINE the fleet is running/m);
  overridden.child.kill('SIGTERM');
  await overridden.ended;
  assert.ok(existsSync(join(dir, 'given', 'alone.db')));
});

test('the fleet file is named in package.json or has a usual name; otherwise the error says where it was looked for', async () => {
  const print = (): ReturnType<typeof seaworthy> => called(['contract', 'print', 'quay'], { cwd: dir });
  writeFileSync(join(dir, 'package.json'), '{"type":"module"}');
  assert.match((await print()).err, /there is no fleet\.ts and no src\/fleet\.ts in .*: name the file, or put/);
  writeFileSync(join(dir, 'package.json'), JSON.stringify({ type: 'module', seaworthy: { fleet: 'gone.ts' } }));
  assert.match((await print()).err, /the field seaworthy\.fleet of .*package\.json names gone\.ts, which does not exist/);
  writeFileSync(
    join(dir, 'package.json'),
    JSON.stringify({ type: 'module', seaworthy: { fleet: harbour.slice(1).replace(/^/, '../'.repeat(dir.split('/').length - 1)) } }),
  );
  assert.match((await print()).err, /the fleet has no service quay: it has ships, docks/);
  writeFileSync(join(dir, 'package.json'), '{');
  assert.match((await print()).err, /package\.json is not JSON/);
  rmSync(join(dir, 'package.json'));
});

test('a fleet file that package.json makes CommonJS is refused with advice', async () => {
  const common = join(dir, 'common');
  mkdirSync(common);
  writeFileSync(join(common, 'package.json'), '{"type":"commonjs"}');
  const remedy =
    /, because package\.json has "type": "commonjs": run `npm pkg set type=module`, or name the files of the fleet \.mts or \.mjs \(SW_/;
  for (const [file, text, said] of [
    ['importing.ts', "import 'node:fs';\n", remedy],
    ['exporting.ts', 'export default {};\n', remedy],
    ['script.js', "import 'node:fs';\n", remedy],
    ['half.mts', "import { part } from './part.ts';\nexport default part;\n", remedy],
    // The ending of the name decides, not package.json.
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
