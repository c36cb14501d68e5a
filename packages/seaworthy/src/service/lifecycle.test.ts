import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memory as memoryBus } from '../bus/drivers/memory.ts';
import { Failure } from '../client/call.ts';
import { caller } from '../client/caller.ts';
import type { CallFailed } from '../client/errors.ts';
import { local } from '../client/transports/local.ts';
import { contract } from '../contract/contract.ts';
import { runtime } from '../core/runtime.ts';
import { policyOn } from '../resilience/policy.ts';
import { memory } from '../store/drivers/memory.ts';
import { sqlite } from '../store/drivers/sqlite.ts';
import type { StoreDriver } from '../store/store.ts';
import { backstage, callsNobody, desk, deskService, newFolder, until } from './desk.fixture.ts';
import { ServiceUnready } from './errors.ts';
import { type RunningService, run } from './lifecycle.ts';
import { service } from './service.ts';

test('G13: a command that is still running when the time for closing is over is rolled back', async () => {
  const dir = newFolder();
  const rt = runtime();
  const stage = backstage();
  stage.write = () => new Promise(() => {});
  const bus = await memoryBus().open(rt);
  const open = (): Promise<RunningService> => run(deskService(stage), { runtime: rt, store: sqlite({ dir }), bus, call: callsNobody });
  const first = await open();
  await first.begin();
  const call = caller({ runtime: rt, transportOf: () => local('desk', () => first.endpoint), policyOf: () => policyOn(rt) });
  const hanging = call(desk.write, { id: 'cut' }).then(
    () => 'answered',
    (error: unknown) => (error as CallFailed).problem.code,
  );
  await until('the handler runs', () => stage.runs > 0);
  await first.quiesce(AbortSignal.abort());
  await first.close(AbortSignal.abort(new ServiceUnready('the time for closing is over')));
  assert.equal(await hanging, 'SW_SERVICE_UNREADY');
  const second = await open();
  second.admit();
  const again = caller({ runtime: rt, transportOf: () => local('desk', () => second.endpoint), policyOf: () => policyOn(rt) });
  await assert.rejects(again(desk.note, { id: 'cut' }), (error: unknown) => error instanceof Failure && error.name === 'NotFound');
  await second.close(AbortSignal.abort());
  await bus.close();
});

test('a service that fails to start closes its store', async () => {
  const rt = runtime();
  const bus = await memoryBus().open(rt);
  let closed = 0;
  const driver = memory();
  const watched: StoreDriver = {
    async open(name, on) {
      const store = await driver.open(name, on);
      return {
        ...store,
        async close() {
          closed++;
          await store.close();
        },
      };
    },
  };
  const broken = service(contract('broken', {}), { handlers: {}, migrations: [{ name: 'broken/1', statements: ['create nonsense'] }] });
  await assert.rejects(run(broken, { runtime: rt, store: watched, bus, call: callsNobody }), /broken\/1/);
  assert.equal(closed, 1);
  await bus.close();
});
