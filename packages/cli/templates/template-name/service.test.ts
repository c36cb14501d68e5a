import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { fleet, type RunningFleet, start } from 'seaworthy/fleet';
import { templateName } from './contract.ts';
import service from './service.ts';

let dir: string;
let running: RunningFleet;
before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'template-name-'));
  running = await start(fleet({ services: [service] }), { dir });
});
after(async () => {
  await running?.stop(); // `running` is undefined if the start failed; the error of the start is enough
  await rm(dir, { recursive: true });
});

test('an entry is added once and counted once', { timeout: 10_000 }, async () => {
  const entry = { entryId: 'first', text: 'Hello' };
  assert.deepEqual(await running.call(templateName.add, entry, { key: 'request-1' }), entry);
  // A repeat under the same key takes effect once and gets the recorded answer.
  assert.deepEqual(await running.call(templateName.add, entry, { key: 'request-1' }), entry);

  const refused = await running.call(templateName.add, { entryId: 'first', text: 'Other' }).outcome();
  assert.ok(!refused.ok);
  assert.equal(refused.error.name, 'AlreadyThere');

  while ((await running.call(templateName.tally, {})).entries === 0) await pause(5);
  assert.deepEqual(await running.call(templateName.tally, {}), { entries: 1 });
});
