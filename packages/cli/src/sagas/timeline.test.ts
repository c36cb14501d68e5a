import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Instance } from 'seaworthy/saga';
import { causeOf, positionOf } from './saga-position.ts';
import { timeline } from './timeline.ts';

const plan = 'local open undo, remote seat undo, remote pay, local confirm';
/** A booking that began at 1000, as its engine would have written it. */
const booking = (more: Partial<Instance>): Instance => ({
  ...{ id: 'b1', name: 'booking', key: 'b1', plan, input: {}, state: 'running', journal: [], cause: undefined, stopping: undefined },
  ...{ attempts: 0, due: 1000, error: undefined, owner: '', version: 1, crashes: 0, started: 1000, changed: 1000 },
  ...more,
});
const open = { step: 'open', state: 'done', began: 1000, ended: 1000 } as const;
const seat = { step: 'seat', state: 'done', began: 1000, ended: 1100 } as const;
const paid = { step: 'pay', state: 'done', began: 1100, ended: 1200 } as const;
const paying = { step: 'pay', state: 'intended', began: 1100 } as const;
const refused = { step: 'pay', state: 'refused', began: 1100, ended: 1200 } as const;
const undone = { ended: 1300, runs: 1 };
const cause = { kind: 'declared', step: 'pay', name: 'NotEnough', data: undefined } as const;
const failed = { kind: 'failed', step: 'confirm', code: 'SW_X', message: 'no such table' } as const;

/** What follows the head. */
const drawn = (more: Partial<Instance>, now = 5000): readonly string[] => {
  const lines = timeline('bookings', booking(more), now);
  return lines.slice(lines.indexOf('') + 1).map((line) => line.replaceAll(/ +/g, ' ').trim());
};

test('the position of a saga is the step that it runs or undoes, or the step that caused its undo', () => {
  const places: readonly (readonly [Partial<Instance>, string])[] = [
    [{ journal: [open, paying] }, 'pay'],
    [{ journal: [open, seat, paid] }, 'confirm'],
    [{ state: 'done', journal: [open, seat, paid, { step: 'confirm', state: 'done' }] }, 'confirm'],
    [{ state: 'undoing', cause, journal: [open, seat, refused] }, 'undo of seat'],
    [{ state: 'undoing', cause, journal: [open, { ...seat, state: 'undone' }, refused] }, 'undo of open'],
    // Nothing of what is done can be undone.
    [{ state: 'undoing', cause: failed, journal: [{ ...open, state: 'undone' }, { ...seat, state: 'skipped' }, paid] }, 'confirm'],
    [{ state: 'stuck', cause, journal: [open, { ...seat, state: 'stuck' }, refused] }, 'undo of seat'],
    [{ state: 'undone', cause, journal: [{ ...open, state: 'undone' }, { ...seat, state: 'undone' }, refused] }, 'pay'],
    [{ state: 'undone', cause: failed, journal: [{ ...open, state: 'undone' }, { ...seat, state: 'undone' }, paid] }, 'confirm'],
    [
      {
        state: 'undone',
        cause: { kind: 'stopped', reason: 'x' },
        journal: [
          { ...open, state: 'undone' },
          { ...seat, state: 'undone' },
        ],
      },
      'seat',
    ],
  ];
  for (const [more, place] of places) assert.equal(positionOf(booking(more)), place, JSON.stringify(more));
  assert.equal(causeOf(booking({ cause })), 'pay was refused: NotEnough');
  assert.equal(causeOf(booking({ cause: failed })), 'confirm failed: SW_X: no such table');
});

test('the head has the time that a saga took, when it began, or how long it has been stuck', () => {
  const of = (more: Partial<Instance>): string =>
    (timeline('bookings', booking({ started: 1000, changed: 4000, ...more }), 5000)[1] ?? '').replaceAll(/ +/g, ' ');
  assert.equal(of({ state: 'done' }), 'state done after 3 s');
  assert.equal(of({ state: 'running' }), 'state running began 4 s ago');
  assert.equal(of({ state: 'undoing' }), 'state undoing began 4 s ago');
  assert.equal(of({ state: 'stuck' }), 'state stuck for 1 s');
});

test('the head has the number of processes that died while they ran the saga', () => {
  const of = (crashes: number): string | undefined =>
    timeline('bookings', booking({ crashes }), 5000)
      .find((line) => line.startsWith('deaths'))
      ?.replaceAll(/ +/g, ' ');
  assert.equal(of(0), undefined);
  assert.equal(of(1), 'deaths a process died while it ran this saga');
  assert.equal(of(3), 'deaths 3 processes died while they ran this saga: it runs alone');
});

test('the timeline has the step or undo that runs or waits, the number of the run, and the last error', () => {
  const running = { journal: [open, seat, paying] };
  assert.deepEqual(drawn(running).slice(2), ['+100 ms … pay running for 3.9 s', '· confirm', '→ continues']);
  assert.deepEqual(drawn({ ...running, attempts: 1, due: 6000, error: 'no answer' }).slice(2), [
    '+100 ms … pay waits, for the 2nd time, in 1 s',
    'no answer',
    '· confirm',
    '→ continues in 1 s',
  ]);
  // Nothing failed: it waits for a breaker.
  assert.deepEqual(drawn({ ...running, due: 6000, error: 'payments is open' }).slice(2, 4), [
    '+100 ms … pay waits, in 1 s',
    'payments is open',
  ]);
  assert.deepEqual(drawn({ journal: [open, seat, paid], attempts: 2, error: 'locked' }).slice(3), [
    '… confirm running, for the 3rd time',
    'locked',
    '→ continues',
  ]);
  const undoing = { state: 'undoing', cause, journal: [open, seat, refused] } as const;
  assert.deepEqual(drawn(undoing).slice(2), ['+200 ms ✗ pay refused, 100 ms', '… seat being undone', '→ continues']);
  assert.deepEqual(drawn({ ...undoing, attempts: 3, due: 9000, error: 'down' }).slice(3), [
    '… seat undo waits, for the 4th time, in 4 s',
    'down',
    '→ continues in 4 s',
  ]);
  // A verdict gave it another try.
  const verdicts = [{ kind: 'retry', by: 'ada', at: 1800, stuck: { ...undone, runs: 10 } }] as const;
  const judged = [open, { ...seat, state: 'stuck', undo: { ...undone, runs: 10 }, verdicts }, refused] as const;
  assert.deepEqual(drawn({ ...undoing, journal: judged }).slice(3), [
    '+300 ms ! seat undo was stuck, 10 runs',
    '+800 ms » seat verdict retry by ada',
    '… seat being undone',
    '→ continues',
  ]);
  const over = [{ ...open, state: 'undone', undo: undone }, { ...seat, state: 'undone', undo: undone }, refused] as const;
  assert.deepEqual(drawn({ ...undoing, state: 'undone', journal: over, changed: 1300 }).slice(3), [
    '+300 ms ↶ seat undone',
    '+300 ms ↶ open undone',
    '+300 ms ■ undone',
  ]);
  // And it has ended since: that it was stuck, twice, is still there.
  const twice = [
    { kind: 'retry', at: 1800, stuck: { ended: 1300, runs: 10, error: 'down' } },
    { kind: 'skip', by: 'ada', at: 2500, stuck: { ended: 2400, runs: 10, error: 'still down' } },
  ] as const;
  const ended = [
    { ...open, state: 'undone', undo: { ended: 2600, runs: 1 } },
    { ...seat, state: 'skipped', undo: { ended: 2500, runs: 10 }, verdicts: twice },
    refused,
  ] as const;
  assert.deepEqual(drawn({ ...undoing, state: 'undone', journal: ended, changed: 2600 }).slice(3), [
    '+300 ms ! seat undo was stuck, 10 runs',
    'down',
    '+800 ms » seat verdict retry',
    '+1.4 s ! seat undo was stuck, 10 runs',
    'still down',
    '+1.5 s » seat verdict skip by ada',
    '+1.6 s ↶ open undone',
    '+1.6 s ■ undone',
  ]);
});
