import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { memory as memoryBus } from '../../bus/drivers/memory.ts';
import { caller } from '../../client/caller.ts';
import { local } from '../../client/transports/local.ts';
import { silent } from '../../core/observe.ts';
import { runtime } from '../../core/runtime.ts';
import { freshPostgres, postgresMissing } from '../../store/drivers/postgres.fixture.ts';
import { run } from '../lifecycle.ts';
import { type Stage, stop, till, tillOf } from './world.fixture.ts';

describe('external commands on PostgreSQL', { skip: postgresMissing ?? false }, () => {
  test('commands under distinct keys do not make each other run again', async () => {
    let conflicts = 0;
    const observe = { ...silent, count: (name: string) => void (name === 'seaworthy_store_conflicts_total' && conflicts++) };
    const rt = runtime({ observe });
    const ground = freshPostgres({ connections: 14 });
    const stage: Stage = { before: () => ({}), do: () => 'yes', after: () => 'receipt' };
    const bus = await memoryBus().open(rt);
    const running = await run(tillOf(stage), {
      runtime: rt,
      store: ground.driver,
      bus,
      call: (() => assert.fail('it calls nobody')) as never,
    });
    await running.begin();
    const call = caller({ runtime: rt, transportOf: () => local('till', () => running.endpoint) });
    const calls = Array.from({ length: 100 }, (_, index) => call(till.charge, { id: String(index) }, { key: `k${index}` }));
    assert.deepEqual(new Set((await Promise.all(calls)).map(({ receipt }) => receipt)), new Set(['receipt']));
    await stop(running);
    await bus.close();
    await ground.end();
    // A page of an index that is split may still bring two together.
    assert.ok(conflicts <= 10, `${conflicts} conflicts`);
  });
});
