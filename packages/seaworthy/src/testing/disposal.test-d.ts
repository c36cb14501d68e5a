import { embedded } from '../bus/drivers/embedded.ts';
import { caller } from '../client/caller.ts';
import { local } from '../client/transports/local.ts';
import { disposable } from '../core/disposable.ts';
import type { Runtime } from '../core/runtime.ts';
import { fleet } from '../fleet/fleet.ts';
import { start } from '../fleet/start.ts';
import { policy } from '../resilience/policy.ts';
import { sqlite } from '../store/drivers/sqlite.ts';
import type { StoreDriver } from '../store/store.ts';
import { worker } from '../store/worker.ts';

declare const machine: Runtime;
declare const driver: StoreDriver;

/** What `using` closes. Checked by the compiler, never run. */
export async function closes(): Promise<unknown> {
  await using running = await start(fleet({ services: [] }));
  await using store = await sqlite({ dir: 'a' }).open('orders', machine);
  await using bus = await embedded({ dir: 'a' }).open(machine);
  await using wire = local('orders', () => undefined);
  await using call = caller({ runtime: machine, transportOf: () => wire });
  await using own = await worker(store, machine);
  using guard = policy();
  // A driver has to give a `close`, and nothing more.
  await using other = disposable(await driver.open('orders', machine));
  // @ts-expect-error it has a `close` alone
  await using bare = await driver.open('orders', machine);
  return [running, bus, call, own, guard, other, bare];
}
