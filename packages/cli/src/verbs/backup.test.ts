import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { start } from 'seaworthy/fleet';
import { called, folder, seaworthy } from '../command.fixture.ts';
import system, { mill, shop, stones } from '../mill-fleet.fixture.ts';

const { path: dir, remove } = folder();
after(remove);
const file = fileURLToPath(new URL('../mill-fleet.fixture.ts', import.meta.url));
const state = join(dir, 'state');
const back = (...args: string[]): ReturnType<typeof seaworthy> => seaworthy(['backup', ...args, '--fleet', file, '--dir', state]);

test('a backup under load holds all databases as of one moment: the books of all services agree after a restore', async () => {
  const running = await start(system, { dir: state, logLevel: 'silent' });
  let taken = 0;
  let going = true;
  const load = (async () => {
    while (going) await running.call(mill.take, { id: String(taken++).padStart(6, '0') });
  })();
  const copies = ['a', 'b', 'c'].map((name) => join(dir, name));
  for (const copy of copies) {
    const { status, out, err } = await back(copy);
    assert.deepEqual([status, err], [0, '']);
    assert.match(out, /^4 databases \(bus, mill, shop, stones\) as of one moment in .*; commits waited [\d.]+ m?s$/m);
  }
  going = false;
  await load;
  await running.stop();

  for (const copy of copies) {
    const restored = await start(system, { dir: copy, logLevel: 'silent' });
    const { ids } = await restored.call(mill.all, {});
    assert.ok(ids.length > 0 && ids.length <= taken, `${ids.length} of ${taken}`);
    assert.equal(new Set(ids).size, ids.length);
    // Events in flight at that moment are handled now: nothing is lost, doubled or invented.
    for (const operation of [stones.all, shop.all])
      for (;;) {
        const done = (await restored.call(operation, {})).ids;
        if (done.length >= ids.length) {
          assert.deepEqual(done, ids);
          break;
        }
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    await restored.stop();
  }
});

test('backup refuses a folder that is not empty, and a state folder without a database of the fleet', async () => {
  writeFileSync(join(dir, 'something'), '');
  const full = await called(['backup', dir, '--fleet', file, '--dir', state]);
  assert.deepEqual([full.status, /is not empty: name a new or an empty folder/.test(full.err)], [1, true]);
  const nothing = await called(['backup', join(dir, 'new'), '--fleet', file, '--dir', join(dir, 'nowhere')]);
  assert.deepEqual([nothing.status, /has no embedded database of the fleet: name its folder with --dir/.test(nothing.err)], [2, true]);
});
