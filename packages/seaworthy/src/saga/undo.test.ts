import assert from 'node:assert/strict';
import { Failure } from '../client/call.ts';
import { CallFailed } from '../client/errors.ts';
import { BreakerOpen } from '../resilience/errors.ts';
import type { Store } from '../store/store.ts';
import { seededRandom, virtualClock } from '../testing/clock.ts';
import { saga } from './definition.ts';
import { eachStore } from './each-store.fixture.ts';
import { resolveStuck, SagaNotStuck, stuckSagas } from './verdict.ts';
import { Ref, remote, trip, trips } from './world.fixture.ts';

const { named } = eachStore(virtualClock, () => seededRandom(1));

named('G6: a step with a declared error is not undone: the steps before it are, in reverse', async (world) => {
  world.callee.answers = {
    pay: () => {
      throw new Failure('Broke', undefined);
    },
  };
  const { engine } = await world.process([trip]);
  await world.start(engine);
  await world.until('undone');
  assert.deepEqual(world.callee.log, ['book t', 'pay t', 'unbook t/7']);
  assert.equal(await world.note(), 'declared/Broke');
});

named('G6: a step with an unknown outcome is retried under the same key, then undone, too, with its result unseen', async (world) => {
  world.callee.answers = {
    book: () => {
      throw new Error('connection lost');
    },
  };
  const { engine } = await world.process([trip]);
  await world.start(engine);
  const { id } = await world.until('undone');
  assert.deepEqual(world.callee.log, ['book t', 'book t', 'book t', 'unbook t/unseen']);
  assert.deepEqual(
    world.callee.options.map(({ key, undoes }) => [key, undoes]),
    [...Array(3).fill([`${id}.book#1`, undefined]), [`${id}.book.undo#1`, `${id}.book`]],
  );
  assert.equal(await world.note(), 'failed/book');
});

named('G6: an undo that cannot succeed leaves the saga stuck; it continues after a verdict', async (world) => {
  let mended = false;
  world.callee.answers = {
    pay: () => {
      throw new Failure('Broke', undefined);
    },
    unbook: () => {
      if (!mended) throw new Error('no');
    },
  };
  const { engine } = await world.process([trip]);
  await world.start(engine);
  const { id } = await world.until('stuck');
  const [stuck] = await stuckSagas(world.store.read);
  assert.equal(stuck?.error, 'no');
  assert.equal(world.callee.log.filter((line) => line.startsWith('unbook')).length, 10);
  mended = true;
  await resolveStuck(world.store as Store<unknown, unknown>, world.runtime, id, { kind: 'retry' });
  await world.until('undone');
});

for (const [verdict, last] of [
  [{ kind: 'skip' }, 'unbook t/7'],
  [{ kind: 'result', result: { seat: 9 } }, 'unbook t/9'],
] as const) {
  named(`G6: the verdict ${verdict.kind}`, async (world) => {
    world.callee.answers = {
      pay: () => {
        throw new Failure('Broke', undefined);
      },
      unbook: () => {
        if (world.callee.log.at(-1) !== 'unbook t/9') throw new Error('no');
      },
    };
    const { engine } = await world.process([trip]);
    await world.start(engine);
    const { id } = await world.until('stuck');
    await resolveStuck(world.store as Store<unknown, unknown>, world.runtime, id, verdict);
    await world.until('undone');
    assert.equal(world.callee.log.at(-1), last);
    assert.equal(await world.note(), 'declared/Broke');
  });
}

named(
  'G6: an undo that was refused with a declared error is repeated under another key, one of unknown outcome under its own',
  async (world) => {
    world.callee.answers = {
      pay: () => {
        throw new Failure('Broke', undefined);
      },
      // The second is told to nobody; a callee answers a refused key for a day with the same refusal.
      unbook: (attempt) => {
        if (attempt === 1 || attempt === 3) throw new Failure('NotNow', undefined);
        if (attempt < 5) throw new Error('connection lost');
      },
    };
    const { engine } = await world.process([trip]);
    await world.start(engine);
    const { id } = await world.until('undone');
    assert.deepEqual(
      world.callee.options.slice(2).map(({ key, undoes }) => [key?.replace(id, ''), undoes]),
      ['#1', '#1~1', '#1~1', '#1~2', '#1~2'].map((end) => [`.book.undo${end}`, `${id}.book`]),
    );
  },
);

named('G6: also after a verdict, a refused call is repeated under another key', async (world) => {
  let mended = false;
  world.callee.answers = {
    pay: () => {
      throw new Failure('Broke', undefined);
    },
    unbook: () => {
      if (!mended) throw new Failure('NotNow', undefined);
    },
  };
  const { engine } = await world.process([trip]);
  await world.start(engine);
  const { id } = await world.until('stuck');
  mended = true;
  await resolveStuck(world.store as Store<unknown, unknown>, world.runtime, id, { kind: 'retry' });
  await world.until('undone');
  const keys = world.callee.options.slice(2).map(({ key }) => key);
  assert.equal(new Set(keys).size, keys.length);
  assert.equal(keys.length, 11);
});

named('of an undo with two calls, only the refused one gets another key', async (world) => {
  const both = saga(trips, 'both', { input: Ref, uses: [remote] })
    .step('book', {
      do: ({ call, input }) => call(remote.book, input),
      async undo({ call, input }) {
        await call(remote.unbook, input);
        await call(remote.repay, input);
      },
    })
    .step('pay', { do: ({ call, input }) => call(remote.pay, input) });
  world.callee.answers = {
    pay: () => {
      throw new Failure('Broke', undefined);
    },
    repay: (attempt) => {
      if (attempt === 1) throw new Failure('NotNow', undefined);
    },
  };
  const { engine } = await world.process([both]);
  await world.run(engine, ({ start }) => start(both, { id: 'b' }));
  await world.until('undone');
  assert.deepEqual(
    world.callee.options.slice(2).map(({ key }) => key?.split('undo')[1]),
    ['#1', '#1', '#1', '#1~1'],
  );
});

named('a hanging local undo is aborted at its timeout, rolled back and retried', async (world) => {
  let runs = 0;
  const local = saga(trips, 'local', { input: Ref, uses: [remote] })
    .local('note', {
      timeout: '1s',
      do: ({ tx }) => tx.run("insert into note (id, text) values ('n', 'open')"),
      async undo({ tx, signal }) {
        await tx.run('update note set text = text || ?', ' undone');
        if (runs++ > 0) return;
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        await new Promise(() => {});
      },
    })
    .step('pay', { do: ({ call, input }) => call(remote.pay, input) });
  world.callee.answers = {
    pay: () => {
      throw new Failure('Broke', undefined);
    },
  };
  const { engine } = await world.process([local]);
  await world.run(engine, ({ start }) => start(local, { id: 'l' }));
  await world.until('undone');
  assert.equal(await world.note(), 'open undone');
});

named('a verdict on a saga that is not stuck, or with a result that is not JSON, is refused by name', async (world) => {
  world.callee.answers = {
    pay: () => {
      throw new Failure('Broke', undefined);
    },
    unbook: () => {
      throw undefined;
    },
  };
  const { engine } = await world.process([trip]);
  await world.start(engine);
  const store = world.store as Store<unknown, unknown>;
  const { id } = await world.instance();
  await assert.rejects(resolveStuck(store, world.runtime, id, { kind: 'skip' }), SagaNotStuck);
  assert.equal((await world.until('stuck')).error, 'undefined');
  await assert.rejects(resolveStuck(store, world.runtime, id, { kind: 'result', result: 1n }), /the result of the step book is not JSON/);
});

named('G6: an open breaker postpones an undo, too, and is not an attempt', async (world) => {
  world.callee.answers = {
    pay: () => {
      throw new Failure('Broke', undefined);
    },
    unbook: (attempt) => {
      if (attempt < 15) throw new BreakerOpen('open', { retryAfterMs: 3000 });
    },
  };
  const { engine } = await world.process([trip]);
  await world.start(engine);
  await world.when('it waits', async () => (await world.instance()).error === 'open');
  assert.equal((await world.instance()).due > world.clock.now(), true);
  const { attempts, journal } = await world.until('undone');
  assert.equal(attempts, 0);
  assert.equal(world.callee.log.filter((line) => line.startsWith('unbook')).length, 15);
  const undone = journal.find(({ step }) => step === 'book')?.undo;
  assert.deepEqual([undone?.runs, undone?.error], [1, undefined]);
});

named('G6: the refusals that a postponed undo met are known to its next run', async (world) => {
  const both = saga(trips, 'both', { input: Ref, uses: [remote] })
    .step('book', {
      do: ({ call, input }) => call(remote.book, input),
      async undo({ call, input }) {
        const refused = await call(remote.unbook, input).then(
          () => false,
          () => true,
        );
        await call(remote.repay, input);
        if (refused) throw new Error('once more');
      },
    })
    .step('pay', { do: ({ call, input }) => call(remote.pay, input) });
  world.callee.answers = {
    pay: () => {
      throw new Failure('Broke', undefined);
    },
    unbook: (attempt) => {
      if (attempt === 1) throw new Failure('NotNow', undefined);
    },
    repay: (attempt) => {
      if (attempt === 1) throw new BreakerOpen('open', { retryAfterMs: 100 });
    },
  };
  const { engine } = await world.process([both]);
  await world.run(engine, ({ start }) => start(both, { id: 'b' }));
  assert.equal((await world.until('undone')).attempts, 0);
  assert.deepEqual(
    world.callee.options.slice(2).map(({ key }) => key?.split('undo')[1]),
    ['#1', '#1', '#1~1', '#1'],
  );
});

named('G13: a close aborts an undo without a failure; the next start continues with it', async (world) => {
  world.callee.answers = {
    pay: () => {
      throw new Failure('Broke', undefined);
    },
    unbook: (attempt) => (attempt === 1 ? new Promise(() => {}) : undefined),
  };
  const first = await world.process([trip]);
  await world.start(first.engine);
  await world.when('it hangs', () => world.callee.log.includes('unbook t/7'));
  await first.engine.close(AbortSignal.abort(new Error('down')));
  await first.worker.close();
  assert.deepEqual([(await world.instance()).state, (await world.instance()).attempts], ['undoing', 0]);
  await world.process([trip]);
  await world.until('undone');
});

named('an undo sees the results of the steps before its own, and a local one publishes', async (world) => {
  let seen: unknown;
  const two = saga(trips, 'two', { input: Ref, uses: [remote] })
    .local('first', { do: () => 1 })
    .local('second', {
      do: () => 2,
      undo({ input, results, result, publish }) {
        seen = { results, result };
        publish('booked', input);
      },
    })
    .step('pay', { do: ({ call, input }) => call(remote.pay, input) });
  world.callee.answers = {
    pay: () => {
      throw new Failure('Broke', undefined);
    },
  };
  const { engine } = await world.process([two]);
  await world.run(engine, ({ start }) => start(two, { id: 't' }));
  await world.until('undone');
  assert.deepEqual(seen, { results: { first: 1 }, result: 2 });
  assert.equal((await world.store.read.all('select 1 from sw_outbox')).length, 1);
});

named('G6: an undo waits for the outcome of a command that its callee drives, even for ten minutes, and counts no run', async (world) => {
  const pending = { type: 'about:blank', title: 'x', status: 503, code: 'SW_OUTCOME_PENDING', retryAfterMs: 5000 };
  let up = Number.POSITIVE_INFINITY;
  world.callee.answers = {
    pay: () => {
      throw new Failure('Broke', undefined);
    },
    unbook: () => {
      up = Math.min(up, world.clock.now() + 600_000);
      if (world.clock.now() < up) throw new CallFailed('remote.unbook', pending);
    },
  };
  const { engine } = await world.process([trip]);
  await world.start(engine);
  await world.when('it waits, and says so', async () => /SW_OUTCOME_PENDING|unbook/.test((await world.instance()).error ?? ''));
  for (let minute = 0; minute < 10; minute++) await world.clock.advance(60_000);
  const { attempts, journal } = await world.until('undone');
  assert.equal(attempts, 0);
  assert.equal(journal.find(({ step }) => step === 'book')?.undo?.runs, 1);
  assert.ok(world.callee.log.filter((line) => line.startsWith('unbook')).length > 100);
  // All under one key: the callee knows that it is the same.
  assert.equal(new Set(world.callee.options.slice(2).map(({ key }) => key)).size, 1);
});

named('G6: a step whose outcome is pending counts its runs, and is undone in the end', async (world) => {
  world.callee.answers = {
    pay: () => {
      throw new CallFailed('remote.pay', { type: 'about:blank', title: 'x', status: 503, code: 'SW_OUTCOME_PENDING', retryAfterMs: 1000 });
    },
  };
  const { engine } = await world.process([trip]);
  await world.start(engine);
  await world.until('undone');
  assert.equal(world.callee.log.filter((line) => line.startsWith('pay')).length, 3);
});
