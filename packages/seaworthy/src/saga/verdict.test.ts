import assert from 'node:assert/strict';
import { Failure } from '../client/call.ts';
import { CallFailed } from '../client/errors.ts';
import type { Store } from '../store/store.ts';
import { seededRandom, virtualClock } from '../testing/clock.ts';
import { saga } from './definition.ts';
import { eachStore } from './each-store.fixture.ts';
import { writeTransition } from './saga-store.ts';
import { resolveStuck, stuckSagas, type Verdict } from './verdict.ts';
import { Ref, remote, stuck, trip, trips, type World } from './world.fixture.ts';

const { named } = eachStore(virtualClock, () => seededRandom(1));

const judged = (world: World, id: string, verdict: Verdict): Promise<void> =>
  resolveStuck(world.store as Store<unknown, unknown>, world.runtime, id, verdict);
const unbooked = ({ callee }: World): number => callee.log.filter((line) => line.startsWith('unbook')).length;

named(
  'G6: a verdict sets an instance free: due now, with no attempts, of nobody, and not to be written by who saw it before',
  async (world) => {
    const { instance: before } = await stuck(world);
    assert.deepEqual([before.attempts, before.owner === ''], [10, false]);
    await world.clock.advance(100);
    await judged(world, before.id, { kind: 'retry' });
    const now = world.clock.now();
    const { journal, ...rest } = await world.instance();
    const verdicts = [{ kind: 'retry', at: now, stuck: before.journal.find(({ state }) => state === 'stuck')?.undo }];
    assert.deepEqual(
      journal,
      before.journal.map((entry) => (entry.state === 'stuck' ? { ...entry, verdicts } : entry)),
    );
    const { journal: _, ...others } = before;
    assert.deepEqual(rest, {
      ...others,
      ...{ state: 'undoing', attempts: 0, owner: '', due: now, changed: now, version: before.version + 1, error: undefined },
    });
    const late = world.store.transaction((tx) => writeTransition(tx, before, { ...before, state: 'undone', changed: now }));
    assert.equal(await late, undefined);
  },
);

named('G6: after a verdict, an undo that still fails has as many attempts as at first', async (world) => {
  const { id } = (await stuck(world)).instance;
  assert.equal(unbooked(world), 10);
  await judged(world, id, { kind: 'retry' });
  await world.when('it is tried again', () => unbooked(world) > 10);
  assert.equal((await world.until('stuck')).attempts, 10);
  assert.equal(unbooked(world), 20);
});

named('G6: a verdict takes effect also when the owner of the instance is dead: another worker continues it', async (world) => {
  const { engine, instance } = await stuck(world);
  const { id } = instance;
  world.callee.answers = {};
  const first = unbooked(world);
  await engine.close();
  await world.store.transaction((tx) => tx.run('delete from sw_worker'));
  await judged(world, id, { kind: 'retry' });
  const second = await world.process([trip]);
  const { owner, journal } = await world.until('undone');
  assert.equal(owner, second.worker.id);
  assert.deepEqual(
    journal.map(({ undo }) => undo?.error),
    journal.map(() => undefined),
  );
  assert.equal(unbooked(world), first + 1);
});

named('the journal keeps the time at which an undo was skipped', async (world) => {
  const { id, journal } = (await stuck(world)).instance;
  const waits = journal.find(({ state }) => state === 'stuck');
  await world.clock.advance(60_000);
  await judged(world, id, { kind: 'skip' });
  assert.deepEqual(
    (await world.instance()).journal.find(({ step }) => step === waits?.step),
    {
      ...{ ...waits, state: 'skipped', undo: { ...waits?.undo, ended: world.clock.now() } },
      verdicts: [{ kind: 'skip', at: world.clock.now(), stuck: waits?.undo }],
    },
  );
});

named('stuck sagas are listed with the one that waits longest first', async (world) => {
  const { id } = (await stuck(world)).instance;
  const copy = `insert into sw_saga (id, name, saga_key, plan, input, state, journal, attempts, due, owner, started, changed)
    select ?, name, ?, plan, input, state, journal, attempts, due, owner, started, changed + ? from sw_saga where id = ?`;
  await world.store.transaction(async (tx) => {
    await tx.run(copy, 'later', 'later', 2, id);
    await tx.run(copy, 'earlier', 'earlier', -2, id);
  });
  assert.deepEqual(
    (await stuckSagas(world.store.read)).map((one) => one.id),
    ['earlier', id, 'later'],
  );
});

/** A callee that keeps what each operation's key was first used for, and refuses the key for anything else. */
function keeping({ callee }: World): { readonly keyed: () => void; readonly first: () => readonly string[] } {
  const payloads = new Map<string, string>();
  return {
    keyed() {
      const line = callee.log.at(-1) as string;
      const key = `${line.split(' ')[0]} ${callee.options.at(-1)?.key}`;
      const first = payloads.get(key) ?? line;
      payloads.set(key, first);
      const problem = { type: 'about:blank', title: 'reused', status: 422, code: 'SW_IDEMPOTENCY_KEY_REUSED' };
      if (first !== line) throw new CallFailed('remote', problem);
    },
    first: () => [...payloads].map(([key, line]) => `${key.split('.undo')[1]} ${line}`),
  };
}
const no = (): never => {
  throw new Error('no');
};
/** A saga whose `book` was never seen, whose undo sends `what`, and then waits for `pay`. */
const unseen = (what: (result: { readonly seat: number } | undefined) => string) =>
  saga(trips, 'unseen', { input: Ref, uses: [remote] })
    .step('book', {
      do: ({ call, input }) => call(remote.book, input),
      async undo({ call, input, result }) {
        await call(remote.repay, input);
        await call(remote.unbook, { id: what(result) });
        await call(remote.pay, input);
      },
    })
    .step('pay', { do: ({ call, input }) => call(remote.pay, input) });

named('G6: the result of a verdict may change calls of the undo: such a call gets another key, the others keep theirs', async (world) => {
  const { keyed, first } = keeping(world);
  world.callee.answers = { book: no, repay: keyed, unbook: keyed, pay: no };
  const lost = unseen((result) => `${result?.seat}`);
  const { engine } = await world.process([lost]);
  await world.run(engine, ({ start }) => start(lost, { id: 'b' }));
  const { id } = await world.until('stuck');
  await judged(world, id, { kind: 'result', result: { seat: 9 } });
  world.callee.answers = { repay: keyed, unbook: keyed };
  await world.until('undone');
  assert.deepEqual(first(), ['#1 repay b', '#1 unbook undefined', '#1~1 unbook 9']);
});

named('G6: after a verdict, too, an undo whose calls differ at random has each effect once', async (world) => {
  let runs = 0;
  const { keyed, first } = keeping(world);
  world.callee.answers = { book: no, repay: keyed, unbook: keyed, pay: no };
  const lost = unseen(() => `${runs++}`);
  const { engine } = await world.process([lost]);
  await world.run(engine, ({ start }) => start(lost, { id: 'b' }));
  const { id } = await world.until('stuck');
  await judged(world, id, { kind: 'result', result: { seat: 9 } });
  await world.until('undoing');
  await world.until('stuck');
  assert.deepEqual(first(), ['#1 repay b', '#1 unbook 0', '#1~1 unbook 11']);
});

named('G6: a verdict that changes many calls of an undo is not used up by them', async (world) => {
  const seats = Array.from({ length: 12 }, (_, seat) => seat);
  const many = saga(trips, 'many', { input: Ref, uses: [remote] })
    .step('book', {
      do: ({ call, input }) => call(remote.book, input),
      async undo({ call, result }) {
        for (const seat of seats) await call(remote.unbook, { id: `${seat} of ${result?.seat}` });
        await call(remote.repay, { id: 'b' });
      },
    })
    .step('pay', { do: ({ call, input }) => call(remote.pay, input) });
  const { keyed, first } = keeping(world);
  world.callee.answers = { book: no, unbook: keyed, repay: no };
  const { engine } = await world.process([many]);
  await world.run(engine, ({ start }) => start(many, { id: 'b' }));
  const { id } = await world.until('stuck');
  await judged(world, id, { kind: 'result', result: { seat: 9 } });
  world.callee.answers = { unbook: keyed };
  const { attempts } = await world.until('undone');
  assert.equal(attempts, 0);
  assert.deepEqual(
    first().slice(12),
    seats.map((seat) => `#${seat + 1}~1 unbook ${seat} of 9`),
  );
});

named(
  'G6: what was refused before a verdict and is changed by it gets a key after the refused one, and by the next verdict another',
  async (world) => {
    const { keyed, first } = keeping(world);
    const lost = unseen((result) => `${result?.seat}`);
    let refusals = 1;
    const unbook = (): void => {
      if (refusals-- > 0) throw new Failure('NotNow', undefined);
      keyed();
    };
    world.callee.answers = { book: no, unbook, pay: no };
    const { engine } = await world.process([lost]);
    await world.run(engine, ({ start }) => start(lost, { id: 'b' }));
    const { id } = await world.until('stuck');
    for (const seat of [8, 9]) {
      await judged(world, id, { kind: 'result', result: { seat } });
      await world.until('undoing');
      await world.until('stuck');
    }
    assert.deepEqual(first(), ['#1~1 unbook undefined', '#1~2 unbook 8', '#1~3 unbook 9']);
  },
);
