import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { z } from 'zod';
import { contract, query } from '../contract/contract.ts';
import { service } from '../service/service.ts';
import { FleetInvalid, fleet } from './fleet.ts';
import { launch, launchOf } from './launch.ts';

const root = mkdtempSync(join(tmpdir(), 'seaworthy-launch-'));
after(() => rmSync(root, { recursive: true, force: true }));

const desk = contract('desk', { ask: query({ http: 'GET /ask', input: z.object({}), output: z.object({}) }) });
const one = fleet({ services: [service(desk, { handlers: { ask: () => ({}) } })] });

test('a fleet file exports a fleet, a launch, or a function that returns one', async () => {
  for (const exported of [one, { fleet: one }, () => one, async () => ({ fleet: one })])
    assert.equal((await launchOf(exported)).fleet, one);
  for (const exported of [undefined, 7, {}, { fleet: {} }, () => undefined])
    await assert.rejects(launchOf(exported), (error: unknown) => error instanceof FleetInvalid && /default export/.test(error.message));
});

test('`before` runs before the start, and `after` once after the stop', async () => {
  const said: string[] = [];
  const parts = { fleet: one, before: ({ dir }: { dir: string }) => said.push(dir), after: () => said.push('after') };
  const dir = join(root, 'up');
  const running = await launch(parts, { dir });
  assert.deepEqual(said, [dir]);
  await Promise.all([running.stop(), running.stop()]);
  assert.deepEqual(said, [dir, 'after']);
});

test('given options replace those of the launch, also inside of groups', async () => {
  const said: unknown[] = [];
  const options = { listen: { services: true, host: '127.0.0.2' }, dir: join(root, 'not here'), shutdown: { drain: '1s' } } as const;
  const parts = { fleet: one, options, before: (settings: unknown) => said.push(settings) };
  const dir = join(root, 'groups');
  const running = await launch(parts, { dir, listen: { host: '127.0.0.1' } });
  assert.deepEqual(said, [{ dir, host: '127.0.0.1' }]);
  assert.match(running.urls['desk'] ?? '', /^http:\/\/127\.0\.0\.1:/);
  await running.stop();
});

test('`after` runs when the fleet fails to start', async () => {
  const said: string[] = [];
  await assert.rejects(
    launch({ fleet: one, after: () => said.push('after') }, { dir: join(root, 'down'), only: ['nobody'] }),
    FleetInvalid,
  );
  assert.deepEqual(said, ['after']);
});
