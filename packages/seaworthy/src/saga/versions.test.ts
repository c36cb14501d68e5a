import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom, virtualClock } from '../testing/clock.ts';
import { type AnySaga, incompatibility, planOf, SagaStranded, saga } from './definition.ts';
import { eachStore } from './each-store.fixture.ts';
import { type Entry, type Instance, plannedSteps } from './instance.ts';
import { Ref, remote, stuck, trip, trips } from './world.fixture.ts';

const { named } = eachStore(virtualClock, () => seededRandom(1));

named('G8: a definition that cannot continue active instances is refused by name; one that can is not', async (world) => {
  world.callee.answers = { pay: () => new Promise(() => {}) };
  const { engine } = await world.process([trip]);
  await world.start(engine);
  await world.when('it pays', () => world.callee.log.length === 2);
  await engine.close(AbortSignal.abort(new Error('deploy')));
  const inserted = saga(trips, 'trip', { input: Ref, uses: [remote], key: ({ id }) => id })
    .step('first', { do: ({ call, input }) => call(remote.pay, input) })
    .step('book', { do: ({ call, input }) => call(remote.book, input) });
  const longer = trip.local('more', { do: () => {} });
  await assert.rejects(
    world.process([inserted]),
    (error: unknown) => error instanceof SagaStranded && /trip t .*its step 1 was note and is first now/.test(error.message),
  );
  await assert.rejects(world.process([]), /its saga is no longer defined/);
  await world.process([longer]);
});

named('G8: a running saga whose done step has lost its undo is refused', async (world) => {
  world.callee.answers = { pay: () => new Promise(() => {}) };
  const { engine, worker } = await world.process([trip]);
  await world.start(engine);
  await world.when('it pays', () => world.callee.log.length === 2);
  await engine.close(AbortSignal.abort(new Error('down')));
  await worker.close();
  const lost = saga(trips, 'trip', { input: Ref, uses: [remote], key: ({ id }) => id })
    .local('note', { do: () => {}, undo: () => {} })
    .step('book', { do: ({ call, input }) => call(remote.book, input) })
    .step('pay', { do: () => {}, undo: () => {} });
  await assert.rejects(world.process([lost]), /trip t .*its step book can no longer be undone/);
});

named('G8: after a rollback of the code, sagas that the newer code started are refused by name', async (world) => {
  world.callee.answers = { repay: () => new Promise(() => {}) };
  const old = saga(trips, 'grows', { input: Ref, uses: [remote], key: ({ id }) => id }).step('pay', {
    do: ({ call, input }) => call(remote.pay, input),
  });
  const grown = old.step('more', { do: ({ call, input }) => call(remote.repay, input), undo: () => {} });
  // It begins under the old code, and is carried on by the newer one.
  const first = await world.process([old]);
  world.callee.answers['pay'] = (attempt) => (attempt === 1 ? new Promise(() => {}) : undefined);
  await world.run(first.engine, ({ start }) => start(old, { id: 'g' }));
  await world.when('it pays', () => world.callee.log.length === 1);
  await first.engine.close(AbortSignal.abort(new Error('deploy')));
  await first.worker.close();
  const second = await world.process([grown]);
  await world.when('it is at the new step', () => world.callee.log.includes('repay g'));
  await second.engine.close(AbortSignal.abort(new Error('rollback')));
  await second.worker.close();
  await assert.rejects(world.process([old]), /grows g .*its step more was removed/);
  const lost = old.step('more', { do: ({ call, input }) => call(remote.repay, input) });
  await assert.rejects(world.process([lost]), /its step more can no longer be undone/);
  await world.process([grown]);
});

named('G8: a stuck saga, too, is refused by code that cannot undo it', async (world) => {
  await stuck(world);
  const lost = saga(trips, 'trip', { input: Ref, uses: [remote], key: ({ id }) => id })
    .local('note', { do: () => {}, undo: () => {} })
    .step('book', { do: ({ call, input }) => call(remote.book, input) });
  await assert.rejects(world.process([lost]), /trip t .*its step book can no longer be undone/);
});

/** One that has begun the steps `states` of its plan. */
const begun = (plan: string, ...states: Entry['state'][]): Instance => ({
  ...{ id: 'i', name: 'x', key: 'k', plan, input: {}, state: 'running', cause: undefined, stopping: undefined },
  ...{ attempts: 0, due: 0, error: undefined, owner: 'o', version: 0, crashes: 0, started: 0, changed: 0 },
  journal: states.map((state, index) => ({ step: plan.split(', ')[index]?.split(' ')[1] ?? '', state })),
});
/** A definition by its plan. */
function defined(plan: string): AnySaga {
  const steps = plan === '' ? [] : plan.split(', ').map((one) => one.split(' '));
  return {
    ...{ name: 'x', service: 'trips', uses: [] },
    steps: steps.map(([kind, name, undo]) => ({
      ...{ kind: kind as 'remote' | 'local', name: name as string, timeoutMs: 10_000 },
      step: { do: () => {}, ...(undo && { undo: () => {} }) },
    })),
  };
}
const was = 'remote a undo, local b undo, remote c, remote d undo';
for (const [what, now, states, why] of [
  ['nothing has changed', was, ['done', 'done', 'done', 'intended'], undefined],
  ['the step that runs was removed', 'remote a undo, local b undo', ['done', 'done', 'intended'], /its step c was removed/],
  ['a step that has not begun was removed', 'remote a undo, local b undo', ['done', 'done'], undefined],
  ['steps behind are in another order', 'remote a undo, local b undo, remote d undo, remote c', ['done', 'done'], undefined],
  ['steps that were begun are in another order', 'local b undo, remote a undo', ['done', 'done'], /its step 1 was a and is b now/],
  ['a step that is done has lost its undo', 'remote a, local b undo', ['done', 'done'], /its step a can no longer be undone/],
  ['the step that runs has lost its undo', 'remote a, local b undo', ['intended'], /its step a can no longer be undone/],
  ['a stuck step has lost its undo', 'remote a, local b undo', ['stuck'], /its step a can no longer be undone/],
  [
    'a step that need not be undone has lost its undo',
    'remote a, local b, remote c, remote d',
    ['undone', 'skipped', 'done', 'refused'],
    undefined,
  ],
  ['a step that has not begun has lost its undo', 'remote a undo, local b', ['done'], undefined],
  ['a step has gained an undo', 'remote a undo, local b undo, remote c undo', ['done', 'done', 'done'], undefined],
  ['the step that runs has become a local one', 'local a undo', ['intended'], /its step a was remote and is local now/],
  ['a step to be undone has become a local one', 'local a undo', ['done'], /its step a was remote and is local now/],
  [
    'a step to be undone has become a remote one',
    'remote a undo, remote b undo',
    ['done', 'done'],
    /its step b was local and is remote now/,
  ],
  ['a done step that nothing undoes has become a local one', 'remote a undo, local b undo, local c', ['done', 'done', 'done'], undefined],
  ['a step that is undone has become a local one', 'local a undo', ['undone'], undefined],
  ['all steps are gone before any began', '', [], undefined],
] as const) {
  test(`G8: ${what}: it is ${why ? 'refused' : 'continued'}`, () => {
    const reason = incompatibility(defined(now), begun(was, ...states));
    if (why) assert.match(reason ?? 'nothing', why);
    else assert.equal(reason, undefined);
  });
}

test('the plan of an instance has its steps, also when there are none', () => {
  assert.deepEqual(plannedSteps({ plan: planOf(trip) }), [
    { kind: 'local', name: 'note', undo: true },
    { kind: 'remote', name: 'book', undo: true },
    { kind: 'remote', name: 'pay', undo: true },
    { kind: 'local', name: 'finish', undo: false },
  ]);
  assert.deepEqual(plannedSteps({ plan: planOf(saga(trips, 'empty', { input: Ref })) }), []);
});
