import assert from 'node:assert/strict';
import type { Store } from '../store/store.ts';
import { seededRandom, virtualClock } from '../testing/clock.ts';
import { suite } from './conformance/suite.ts';
import { stuck, trip, type World } from './conformance/world.ts';
import { advance } from './journal.ts';
import { judge, stuckSagas, type Verdict } from './verdict.ts';

const { named } = suite(virtualClock, () => seededRandom(1));

const judged = (sea: World, id: string, verdict: Verdict): Promise<void> =>
  judge(sea.store as Store<unknown, unknown>, sea.runtime, id, verdict);
const unbooked = ({ callee }: World): number => callee.log.filter((line) => line.startsWith('unbook')).length;

named(
  'G6: a verdict sets an instance free: due now, with no attempts, of nobody, and not to be written by who saw it before',
  async (sea) => {
    const { instance: before } = await stuck(sea);
    assert.deepEqual([before.attempts, before.owner === ''], [10, false]);
    await sea.clock.advance(100);
    await judged(sea, before.id, { kind: 'retry' });
    const now = sea.clock.now();
    assert.deepEqual(await sea.instance(), {
      ...before,
      ...{ state: 'undoing', attempts: 0, owner: '', due: now, changed: now, version: before.version + 1, error: undefined },
    });
    const late = sea.store.transaction((tx) => advance(tx, before, before.plan, { state: 'undone', journal: before.journal }, now));
    assert.equal(await late, undefined);
  },
);

named('G6: after a verdict an undo that still fails is tried as often as at first', async (sea) => {
  const { id } = (await stuck(sea)).instance;
  assert.equal(unbooked(sea), 10);
  await judged(sea, id, { kind: 'retry' });
  await sea.when('it is tried again', () => unbooked(sea) > 10);
  assert.equal((await sea.until('stuck')).attempts, 10);
  assert.equal(unbooked(sea), 20);
});

named('G6: a verdict holds when whoever owned the instance is dead: another one carries it out', async (sea) => {
  const { id } = (await stuck(sea)).instance;
  sea.callee.answers = {};
  const first = unbooked(sea);
  await sea.store.transaction((tx) => tx.run('delete from sw_worker'));
  await judged(sea, id, { kind: 'retry' });
  const second = await sea.process([trip]);
  const { owner, journal } = await sea.until('undone');
  assert.equal(owner, second.worker.id);
  assert.deepEqual(
    journal.map(({ undo }) => undo?.error),
    journal.map(() => undefined),
  );
  assert.equal(unbooked(sea), first + 1);
});

named('a waived undo says when it was waived', async (sea) => {
  const { id, journal } = (await stuck(sea)).instance;
  const waits = journal.find(({ state }) => state === 'stuck');
  await sea.clock.advance(60_000);
  await judged(sea, id, { kind: 'skip' });
  assert.deepEqual(
    (await sea.instance()).journal.find(({ step }) => step === waits?.step),
    { ...waits, state: 'skipped', undo: { ...waits?.undo, ended: sea.clock.now() } },
  );
});

named('those that wait for a verdict are listed with the one that waits longest first', async (sea) => {
  const { id } = (await stuck(sea)).instance;
  const copy = `insert into sw_saga (id, name, key, plan, input, state, journal, attempts, due, owner, started, changed)
    select ?, name, ?, plan, input, state, journal, attempts, due, owner, started, changed + ? from sw_saga where id = ?`;
  await sea.store.transaction(async (tx) => {
    await tx.run(copy, 'later', 'later', 2, id);
    await tx.run(copy, 'earlier', 'earlier', -2, id);
  });
  assert.deepEqual(
    (await stuckSagas(sea.store.read)).map((one) => one.id),
    ['earlier', id, 'later'],
  );
});
