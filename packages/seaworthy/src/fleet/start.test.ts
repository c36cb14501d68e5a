import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { z } from 'zod';
import { command, contract } from '../contract/contract.ts';
import { gateway } from '../gateway/gateway.ts';
import { route } from '../gateway/route.ts';
import { ListenFailed } from '../http/errors.ts';
import { external } from '../service/handler.ts';
import { service } from '../service/service.ts';
import { fleet } from './fleet.ts';
import type { StartOptions } from './options.ts';
import { start } from './start.ts';

const root = mkdtempSync(join(tmpdir(), 'seaworthy-fleet-'));
after(() => rmSync(root, { recursive: true, force: true }));
let folder = 0;

const desk = contract('desk', { ask: command({ http: 'POST /ask', input: z.object({}), output: z.object({ answer: z.string() }) }) });

/** A fleet of one service, whose one command waits for the test. */
async function open(options: StartOptions = {}) {
  const asked: ((answer: string) => void)[] = [];
  const ask = external({
    before: () => ({}),
    do: () => new Promise<string>((resolve) => asked.push(resolve)),
    after: ({ outcome }) => ({ answer: outcome }),
  });
  const running = await start(
    fleet({ services: [service(desk, { handlers: { ask } })], gateway: gateway({ routes: [route('POST /ask', desk.ask)] }) }),
    { dir: join(root, String(folder++)), logLevel: 'silent', ...options },
  );
  const url = running.url as string;
  const until = async (holds: () => boolean | Promise<boolean>): Promise<void> => {
    while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 5));
  };
  return {
    running,
    url,
    asked,
    until,
    post: () => fetch(`${url}/ask`, { method: 'POST' }),
    ready: async () => (await fetch(`${url}/health/ready`)).status,
  };
}

test('G13: a stop makes the fleet unready first, and it serves on during its grace', async () => {
  const { running, asked, until, post, ready } = await open({ shutdown: { grace: '500ms' } });
  assert.equal(await ready(), 200);
  const stopped = running.stop();
  await until(async () => (await ready()) === 503);
  const late = post();
  await until(() => asked.length === 1);
  asked[0]?.('served');
  assert.deepEqual(await (await late).json(), { answer: 'served' });
  await stopped;
  await assert.rejects(ready());
});

test('G13: calls in flight finish; a second stop returns the promise of the first', async () => {
  const { running, asked, until, post } = await open();
  const inHand = post();
  await until(() => asked.length === 1);
  const stopped = running.stop();
  assert.equal(running.stop(), stopped);
  asked[0]?.('finished');
  assert.deepEqual(await (await inHand).json(), { answer: 'finished' });
  await stopped;
});

test('G13: work that does not end is cut at the end of the budget, and the next start continues it', async () => {
  const dir = join(root, 'cut');
  const first = await open({ dir, shutdown: { drain: '100ms' } });
  const cut = fetch(`${first.url}/ask`, { method: 'POST', headers: { 'idempotency-key': 'k' } }).then(
    ({ status }) => status,
    () => 'cut',
  );
  await first.until(() => first.asked.length === 1);
  await first.running.stop();
  assert.notEqual(await cut, 200);
  const second = await open({ dir });
  await second.until(() => second.asked.length === 1);
  second.asked[0]?.('at last');
  await second.until(async () => {
    const answer = await fetch(`${second.url}/ask`, { method: 'POST', headers: { 'idempotency-key': 'k' } });
    return answer.status === 200 && ((await answer.json()) as { answer: string }).answer === 'at last';
  });
  await second.running.stop();
});

test('a port in use is an error that names the option, and what had started is stopped', async () => {
  const { running, url } = await open();
  const port = Number(new URL(url).port);
  await assert.rejects(open({ listen: { port } }), (error: unknown) => {
    assert.ok(error instanceof ListenFailed);
    assert.match(
      error.message,
      new RegExp(`^cannot listen on 127\\.0\\.0\\.1:${port} .*choose another port by \`PORT\`, or the option \`listen.port\`$`),
    );
    return true;
  });
  await assert.rejects(
    open({ listen: { services: { desk: port } } }),
    /choose another port by `SEAWORTHY_PORTS`, or the option `listen.services`$/,
  );
  await running.stop();
});
