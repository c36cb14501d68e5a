import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { z } from 'zod';
import { contract, event, query } from '../contract/contract.ts';
import { gateway } from '../gateway/gateway.ts';
import { route } from '../gateway/route.ts';
import { service } from '../service/service.ts';
import { fleet } from './fleet.ts';
import { start } from './start.ts';

const root = mkdtempSync(join(tmpdir(), 'seaworthy-alive-'));
const talker = contract('talker', {
  said: event({ key: 'id', data: z.object({ id: z.string() }) }),
  ping: query({ http: 'GET /ping', input: z.object({}), output: z.object({}) }),
});
const listener = contract('listener', {});
const whole = fleet({
  services: [
    service(talker, { handlers: { ping: () => ({}) } }),
    service(listener, { handlers: {}, on: (on) => [on(talker.said, () => {})] }),
  ],
  gateway: gateway({ routes: [route('GET /ping', talker.ping)] }),
});

const [, , dir, names = ''] = process.argv;
if (dir) {
  const failing = names === 'nobody';
  const only = names.split(',');
  const running = await start(whole, { dir, only, logLevel: 'silent' }).catch((error: unknown) => {
    if (!failing) throw error;
  });
  if (!running) process.stdout.write('refused');
  else {
    // Of itself this holds no process: nothing but the fleet does.
    await new Promise((resolve) => setTimeout(resolve, 300).unref());
    process.stdout.write('alive');
    await running.stop();
  }
} else {
  after(() => rmSync(root, { recursive: true, force: true }));
  for (const [only, said] of [
    ['listener', 'alive'],
    ['talker,listener', 'alive'],
    ['talker,gateway', 'alive'],
    ['nobody', 'refused'],
  ] as const)
    test(`a process of ${only} is ${said}, and then ends by itself`, async () => {
      const flags = process.execArgv.filter((flag) => !flag.startsWith('--test'));
      const child = spawn(process.execPath, [...flags, import.meta.filename, join(root, only), only], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let text = '';
      child.stdout.setEncoding('utf8').on('data', (data) => (text += data));
      const code = await new Promise((resolve) => child.once('close', resolve));
      assert.deepEqual([text, code], [said, 0]);
    });
}
