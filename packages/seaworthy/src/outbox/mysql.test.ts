import { describe, test } from 'node:test';
import { memory as memoryBus } from '../bus/drivers/memory.ts';
import { freshMysql, mysqlMissing } from '../store/drivers/mysql.fixture.ts';
import type { Ground } from './conformance.ts';
import { conformance } from './conformance.ts';
import { time } from './grounds.fixture.ts';

function onMysql(): Ground {
  const { driver, end } = freshMysql();
  const bus = memoryBus({ duplicates: 0.2 });
  return {
    store: (service, runtime) => driver.open(service, runtime),
    bus: (runtime) => bus.open(runtime),
    end: async () => void (await end?.()),
  };
}

describe('mysql store and memory bus', { skip: mysqlMissing ?? false }, () => {
  for (const { name, run } of conformance(onMysql, time)) test(name, run);
});
