import { describe, test } from 'node:test';
import { memory as memoryBus } from '../bus/drivers/memory.ts';
import { freshPostgres, postgresMissing } from '../store/drivers/postgres.fixture.ts';
import type { Ground } from './conformance.ts';
import { conformance } from './conformance.ts';
import { time } from './grounds.fixture.ts';

function onPostgres(): Ground {
  const { driver, end } = freshPostgres();
  const bus = memoryBus({ duplicates: 0.2 });
  return {
    store: (service, runtime) => driver.open(service, runtime),
    bus: (runtime) => bus.open(runtime),
    end: async () => void (await end?.()),
  };
}

describe('postgres store and memory bus', { skip: postgresMissing ?? false }, () => {
  for (const { name, run } of conformance(onPostgres, time)) test(name, run);
});
