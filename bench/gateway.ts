import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { load } from './gateways/load.ts';
import { bench } from './harness.ts';

const requests = 12_000;
const children: ChildProcess[] = [];
const dir = mkdtempSync(join(tmpdir(), 'seaworthy-bench-'));

/** Starts a gateway in its own process. Resolves with its address. */
function begin(name: string, ...given: readonly string[]): Promise<string> {
  const program = fileURLToPath(new URL(`./gateways/${name}.ts`, import.meta.url));
  const flags = ['--conditions=@seaworthy/source', '--disable-warning=ExperimentalWarning'];
  const child = spawn(process.execPath, [...flags, program, ...given], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  return new Promise((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`${name} ended with ${code}`)));
    createInterface({ input: child.stdout }).once('line', resolve);
  });
}

try {
  const upstream = await begin('upstream');
  const [ours, bare, proxy, fast] = [
    await begin('seaworthy', upstream, dir),
    await begin('bare', upstream),
    await begin('fastify-http-proxy', upstream),
    await begin('fast-gateway', upstream),
  ];
  const route = (url: string) => (): Promise<number> => load(url, '/api/orders/1', requests);
  const page = (url: string) => (): Promise<number> => load(url, '/api/pages/1', requests / 2);
  for (const url of [ours, bare, proxy, fast]) await route(url)();
  for (const url of [ours, bare]) await page(url)();
  await bench(
    'gateway',
    [
      {
        metric: 'route',
        unit: '1/s',
        higher: true,
        ours: route(ours),
        peers: { '@fastify/http-proxy': route(proxy), 'fast-gateway': route(fast) },
        limit: { name: 'bare node:http + undici', run: route(bare) },
      },
      {
        metric: 'aggregate',
        unit: '1/s',
        higher: true,
        ours: page(ours),
        peers: {},
        limit: { name: 'bare node:http + undici', run: page(bare) },
      },
    ],
    {
      rounds: 11,
      notes: () => [
        'GETs over 64 kept-alive connections; upstream, each gateway and the load in processes of their own, on the same two cores.',
        'Ours checks the input, calls under deadline, retry, breaker and bulkhead, and checks the output by the contract; the others pass bytes on. None of the peers aggregates.',
      ],
    },
  );
} finally {
  for (const child of children) child.kill();
  rmSync(dir, { recursive: true, force: true });
}
