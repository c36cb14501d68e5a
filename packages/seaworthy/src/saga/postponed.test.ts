import assert from 'node:assert/strict';
import { CallFailed } from '../client/errors.ts';
import { BreakerOpen, BulkheadFull } from '../resilience/errors.ts';
import { seededRandom, virtualClock } from '../testing/clock.ts';
import { eachStore } from './each-store.fixture.ts';
import { trip } from './world.fixture.ts';

const { named } = eachStore(virtualClock, () => seededRandom(1));

named('G6: an open breaker and a call in progress postpone a step, and are not attempts', async (world) => {
  world.callee.answers = {
    pay: (attempt) => {
      if (attempt < 6) throw new BreakerOpen('open', { retryAfterMs: 3000 });
      if (attempt < 9)
        throw new CallFailed('remote.pay', { type: 'about:blank', title: 'Conflict', status: 409, code: 'SW_IDEMPOTENCY_IN_PROGRESS' });
    },
  };
  const { engine } = await world.process([trip]);
  await world.start(engine);
  assert.equal((await world.until('done')).attempts, 0);
  assert.equal(world.callee.log.length, 10);
});

named('G6: a postponed step shows what it waits for and until when, unless an earlier run failed; nothing of it is kept', async (world) => {
  const open = new BreakerOpen('remote is open', { retryAfterMs: 60_000 });
  world.callee.answers = {
    pay: (attempt) => {
      if (attempt === 2) throw new Error('no answer');
      if (attempt < 4) throw open;
    },
  };
  const { engine } = await world.process([trip]);
  await world.start(engine);
  const waits = async (runs: number): Promise<unknown> => {
    await world.when(
      `run ${runs} waits`,
      async () => world.callee.log.length === 1 + runs && (await world.instance()).due > world.clock.now(),
    );
    const { attempts, due, error } = await world.instance();
    return { attempts, error, minute: due - world.clock.now() > 30_000 };
  };
  assert.deepEqual(await waits(1), { attempts: 0, error: 'remote is open', minute: true });
  await world.clock.advance(60_000);
  assert.deepEqual(await waits(2), { attempts: 1, error: 'no answer', minute: false });
  await world.clock.advance(1000);
  assert.deepEqual(await waits(3), { attempts: 1, error: 'no answer', minute: true });
  await world.clock.advance(60_000);
  const { error, journal } = await world.until('done');
  const paid = journal.find(({ step }) => step === 'pay');
  assert.deepEqual([error, paid?.runs, paid?.error], [undefined, 2, 'no answer']);
});

named('G6: a postponed step whose callee gives no Retry-After is written once', async (world) => {
  world.callee.answers = {
    pay: (attempt) => {
      if (attempt < 20) throw new BulkheadFull('full');
    },
  };
  const { engine } = await world.process([trip]);
  await world.start(engine);
  const waiting = await world.until('done');
  assert.equal(world.callee.log.filter((line) => line === 'pay t').length, 20);
  world.callee.answers = {};
  await world.run(engine, ({ start }) => start(trip, { id: 'u' }));
  await world.when(
    'the other is done',
    async () => (await world.store.read.all("select 1 from sw_saga where state = 'done'")).length === 2,
  );
  const [other] = await world.store.read.all("select version from sw_saga where saga_key = 'u'");
  assert.equal(waiting.version, Number(other?.['version']) + 1);
});

named('G6: no step waits for longer than a minute, whatever its callee says', async (world) => {
  world.callee.answers = {
    pay: (attempt) => {
      const problem = { type: 'about:blank', title: 'x', status: 503, code: 'SW_SERVICE_UNREADY', retryAfterMs: 86_400_000 };
      if (attempt === 1) throw new CallFailed('remote.pay', problem);
    },
  };
  const { engine } = await world.process([trip]);
  await world.start(engine);
  await world.when('it waits', async () => (await world.instance()).error !== undefined);
  await world.clock.advance(60_000);
  await world.until('done');
});

named('G6: another process does not begin a postponed step before its time', async (world) => {
  world.callee.answers = {
    pay: (attempt) => {
      if (attempt === 1) throw new BreakerOpen('remote is open', { retryAfterMs: 60_000 });
    },
  };
  const first = await world.process([trip]);
  await world.start(first.engine);
  await world.when('it waits', async () => (await world.instance()).error === 'remote is open');
  await first.engine.close();
  await first.worker.close();
  await world.process([trip]);
  await world.clock.advance(50_000);
  assert.deepEqual(world.callee.log, ['book t', 'pay t']);
  await world.clock.advance(20_000);
  await world.until('done');
});

for (const code of ['SW_IDEMPOTENCY_IN_PROGRESS', 'SW_SERVICE_UNREADY', 'SW_STORE_UNUSABLE', 'SW_STORE_COMMIT_UNKNOWN']) {
  named(`G6: ${code} postpones a step for as long as it says`, async (world) => {
    const times: number[] = [];
    world.callee.answers = {
      pay: (attempt) => {
        times.push(world.clock.monotonic());
        if (attempt < 6) throw new CallFailed('remote.pay', { type: 'about:blank', title: 'x', status: 503, code, retryAfterMs: 3000 });
      },
    };
    const { engine } = await world.process([trip]);
    await world.start(engine);
    assert.equal((await world.until('done')).attempts, 0);
    const waits = times.slice(1).map((time, index) => time - (times[index] as number));
    assert.deepEqual(
      waits.map((wait) => wait >= 3000 && wait < 4000),
      Array(5).fill(true),
    );
  });
}
