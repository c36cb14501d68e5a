import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, test } from 'node:test';
import { z } from 'zod';
import { caller } from '../client/caller.ts';
import { http } from '../client/transports/http.ts';
import { contract, query } from '../contract/contract.ts';
import { runtime } from '../core/runtime.ts';
import { gateway } from '../gateway/gateway.ts';
import { route } from '../gateway/route.ts';
import { gatewayRoutes } from '../gateway/serve.ts';
import { service } from '../service/service.ts';
import { virtualClock } from '../testing/clock.ts';
import { fleet } from './fleet.ts';
import { start } from './start.ts';

const desk = contract('desk', { ask: query({ http: 'GET /ask', input: z.object({}), output: z.object({ pid: z.int() }) }) });

/** What the process of the service does: it serves from a folder on a port, and says where once it is ready. */
async function serve(dir: string, port: number): Promise<void> {
  const own = service(desk, { handlers: { ask: () => ({ pid: process.pid }) } });
  const { urls } = await start(fleet({ services: [own] }), { dir, listen: { services: { desk: port } }, logLevel: 'silent' });
  console.log(urls['desk']);
}

const root = mkdtempSync(join(tmpdir(), 'seaworthy-restart-'));
const children = new Set<ChildProcess>();
after(() => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(root, { recursive: true, force: true });
});

/** A process of the service, once it is ready. */
async function serving(port: number): Promise<{ readonly url: string; readonly pid: number; kill(): Promise<void> }> {
  const child = spawn(process.execPath, ['--conditions=@seaworthy/source', import.meta.filename, join(root, 'desk'), String(port)], {
    env: { ...process.env, NODE_TEST_CONTEXT: undefined },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.add(child);
  const [url] = (await once(createInterface(child.stdout), 'line')) as [string];
  return {
    url,
    pid: child.pid as number,
    async kill() {
      const exit = once(child, 'exit');
      child.kill('SIGKILL');
      await exit;
    },
  };
}

const [, , dir, port] = process.argv;
if (dir !== undefined) await serve(dir, Number(port));
else
  test('the only instance of a service answers within two seconds of its restart, however long it was down', async () => {
    // Processes and connections are real; only the gateway has a virtual clock.
    const clock = virtualClock();
    const own = runtime({ clock, random: { next: () => 0 } });
    const first = await serving(0);
    const at = Number(new URL(first.url).port);
    const wire = http(first.url);
    const call = caller({ runtime: own, transportOf: () => wire });
    const [served] = gatewayRoutes(gateway({ routes: [route('GET /ask', desk.ask)] }), { runtime: own, call });
    const ask = async (): Promise<{ readonly status: number; readonly pid: unknown }> => {
      const signal = new AbortController().signal;
      const answer = await served?.handle({ params: {}, query: '', headers: {}, body: undefined, signal });
      const { pid, retryAfterMs = 0 } = JSON.parse(answer?.body ?? '{}') as { pid?: unknown; retryAfterMs?: number };
      assert.ok(retryAfterMs <= 1000, `Retry-After is ${retryAfterMs} ms`);
      return { status: answer?.status ?? 0, pid };
    };
    assert.deepEqual(await ask(), { status: 200, pid: first.pid });
    let current = first;
    for (const secondsAway of [1, 60]) {
      await current.kill();
      for (let second = 0; second < secondsAway; second++) {
        for (let time = 0; time < 3; time++) assert.equal((await ask()).status, 503);
        await clock.advance(1000);
      }
      assert.equal((await ask()).status, 503);
      current = await serving(at);
      const ready = clock.monotonic();
      let answer = await ask();
      while (answer.status !== 200 && clock.monotonic() - ready < 10_000) {
        await clock.advance(100);
        answer = await ask();
      }
      assert.deepEqual(answer, { status: 200, pid: current.pid });
      assert.ok(
        clock.monotonic() - ready <= 2000,
        `away for ${secondsAway} s, it answered ${clock.monotonic() - ready} ms after its return`,
      );
      for (let time = 0; time < 5; time++) assert.equal((await ask()).status, 200);
    }
    await wire.close();
  });
