import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { thorough } from '../../../scripts/thorough.ts';
import { shopClient } from '../replay/shop-client.ts';
import { spawnShop } from '../spawn.ts';
import { kill } from './blows.ts';
import { type ServiceProcess, startSeveral } from './several.ts';
import { roundOfWhole } from './whole.ts';

const root = mkdtempSync(join(tmpdir(), 'seaworthy-crash-'));
after(() => rmSync(root, { recursive: true, force: true }));

for (const kill of [
  { kind: 'time', ms: 150 },
  ...(thorough
    ? ([
        { kind: 'point', point: 'saga/advance/after', nth: 5 },
        { kind: 'point', point: 'external/do/after', nth: 3 },
      ] as const)
    : []),
] as const) {
  test(`a shop that is killed ${kill.kind === 'time' ? 'at some moment' : `at ${kill.point}`} and restarted loses nothing and does nothing twice`, async () => {
    const result = await roundOfWhole({
      dir: join(root, `crash-${kill.kind === 'time' ? 'time' : kill.point.replaceAll('/', '-')}`),
      run: 'test',
      kill,
      orders: 30,
    });
    assert.equal(result.struck, true);
    assert.deepEqual(result.reconciliation.differences, []);
    assert.ok(result.reconciliation.confirmedTotal > 0);
  });
}

test('G7: of two processes on one folder, the survivor settles the orders that the killed one accepted', async () => {
  const dir = join(root, 'two');
  const [first, second] = [await spawnShop({ dir }), await spawnShop({ dir })];
  const [one, two] = [shopClient(first.url), shopClient(second.url)];
  try {
    await one.setStock('mug', 1000);
    const placing = { items: [{ productId: 'mug', quantity: 1, unitPrice: 100 }], paymentToken: 'tok_ok' };
    const ids = await Promise.all(Array.from({ length: 40 }, (_, index) => (index % 2 ? one : two).place(placing, `two/${index}`)));
    await first.kill();
    for (const id of ids) {
      while ((await two.order(id)).order.status === 'pending') await new Promise((resolve) => setTimeout(resolve, 50));
      assert.equal((await two.order(id)).order.status, 'confirmed');
      assert.equal((await two.captures(id)).length, 1);
    }
    assert.deepEqual(await two.stock('mug'), { productId: 'mug', available: 960, reserved: 40 });
  } finally {
    await Promise.all([one.close(), two.close()]);
    assert.equal(await second.stop(), 0);
  }
});

// Eight processes cost more than all other tests of the shop together.
const several = { skip: thorough ? false : 'for the thorough run' };
test('G7: with two processes of each service, the survivors settle the work in flight of a killed one', several, async () => {
  const shop = await startSeveral(join(root, 'several'));
  try {
    const blow = kill(shop.processes[0] as ServiceProcess);
    const result = await shop.round({ run: 'test', orders: 30, ms: 150, blow });
    assert.equal(result.struck, true);
    assert.deepEqual(result.reconciliation.differences, []);
    assert.ok(result.reconciliation.confirmedTotal > 0);
  } finally {
    await shop.close();
  }
});
