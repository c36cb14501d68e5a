import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Entry, Instance } from './instance.ts';
import { type Action, apply, currentStep, hurried, type MachineDefinition, type MachineStep, next, type Outcome } from './machine.ts';

const step = (name: string, more: Partial<MachineStep> = {}): MachineStep => ({
  name,
  kind: 'remote',
  undoable: true,
  attempts: 3,
  ...more,
});
/** A local step, two remote ones, and a local one without an undo. */
const trip: MachineDefinition = {
  steps: [step('note', { kind: 'local' }), step('book'), step('pay'), step('finish', { kind: 'local', undoable: false })],
  undoAttempts: 10,
  crashes: 5,
};
const planOf = ({ steps }: MachineDefinition): string =>
  steps.map(({ kind, name, undoable }) => `${kind} ${name}${undoable ? ' undo' : ''}`).join(', ');
const instance = (more: Partial<Instance> = {}, definition = trip): Instance => ({
  id: 'i',
  name: 'trip',
  key: 'k',
  plan: planOf(definition),
  input: {},
  state: 'running',
  journal: [],
  cause: undefined,
  stopping: undefined,
  attempts: 0,
  due: 1,
  error: undefined,
  owner: 'me',
  crashes: 0,
  version: 0,
  started: 1,
  changed: 1,
  ...more,
});

const note: Entry = { step: 'note', state: 'done', began: 1, ended: 1 };
const booking: Entry = { step: 'book', state: 'intended', began: 1 };
const booked: Entry = { step: 'book', state: 'done', result: 7, began: 1, ended: 3 };
const paid: Entry = { step: 'pay', state: 'done', began: 3, ended: 5 };
const finished: Entry = { step: 'finish', state: 'done', began: 5, ended: 5 };
const stopped = { kind: 'stopped', reason: 'flood' } as const;
const crashed = (what: string, deaths: number): Outcome => ({
  kind: 'failed',
  code: 'SW_SAGA_STEP_CRASHED',
  message: `${deaths} processes died while they ran the ${what}: it is not run again; find what kills them and correct it`,
  waitMs: 0,
  final: true,
});
const record = (outcome: Outcome): Action => ({ kind: 'record', outcome });

const needs: readonly (readonly [string, Partial<Instance>, Action])[] = [
  ['a new instance runs its first step', {}, { kind: 'run', verb: 'do', at: 0 }],
  ['a remote step has its intent written first', { journal: [note] }, record({ kind: 'intended' })],
  ['an intended step runs', { journal: [note, booking] }, { kind: 'run', verb: 'do', at: 1 }],
  ['a step that was started runs again after a crash', { journal: [note, booking], crashes: 4 }, { kind: 'run', verb: 'do', at: 1 }],
  ['a step that killed too many processes has failed', { journal: [note, booking], crashes: 5 }, record(crashed('step book', 5))],
  ['nothing is left to do', { journal: [note, booked, paid, finished] }, record({ kind: 'ended' })],
  ['a stop comes before the next step', { journal: [note, booking], stopping: stopped }, record({ kind: 'interrupted', cause: stopped })],
  ['the last step is undone first', { state: 'undoing', journal: [note, booked, paid] }, { kind: 'run', verb: 'undo', at: 2 }],
  ['an unseen step is undone, too', { state: 'undoing', journal: [note, booking] }, { kind: 'run', verb: 'undo', at: 1 }],
  [
    'a refused step is not undone',
    { state: 'undoing', journal: [note, { step: 'book', state: 'refused' }] },
    { kind: 'run', verb: 'undo', at: 0 },
  ],
  [
    'a step without an undo is passed over',
    { state: 'undoing', journal: [note, booked, paid, finished] },
    { kind: 'run', verb: 'undo', at: 2 },
  ],
  [
    'an undo after a verdict runs again',
    { state: 'undoing', journal: [{ ...note, state: 'stuck' }] },
    { kind: 'run', verb: 'undo', at: 0 },
  ],
  [
    'an undo that killed too many processes has failed',
    { state: 'undoing', journal: [note], crashes: 5 },
    record(crashed('undo of note', 5)),
  ],
  ['nothing is left to undo', { state: 'undoing', journal: [{ ...note, state: 'skipped' }] }, record({ kind: 'ended' })],
  ['a stuck instance waits', { state: 'stuck', journal: [{ ...note, state: 'stuck' }] }, { kind: 'rest' }],
  ['an instance that is done rests', { state: 'done' }, { kind: 'rest' }],
  ['an instance that is undone rests', { state: 'undone' }, { kind: 'rest' }],
];

test('what an instance needs next', () => {
  for (const [what, more, action] of needs) assert.deepEqual(next(trip, instance(more)), action, what);
});

const lost: Outcome = { kind: 'failed', code: 'SW_LOST', message: 'lost', waitMs: 70 };
const failed = { kind: 'failed', step: 'book', code: 'SW_LOST', message: 'lost' } as const;
const at = 9;
const outcomes: readonly (readonly [string, Partial<Instance>, Outcome, Partial<Instance>])[] = [
  ['an intent', { journal: [note] }, { kind: 'intended' }, { journal: [note, { step: 'book', state: 'intended', began: at }] }],
  ['the result of a step', { journal: [note, booking] }, { kind: 'done', result: 7 }, { journal: [note, { ...booked, ended: at }] }],
  [
    'a result after failed runs',
    { journal: [note, booking], attempts: 2, error: 'down' },
    { kind: 'done', result: 7 },
    { journal: [note, { ...booked, ended: at, runs: 3, error: 'down' }] },
  ],
  [
    'a local step',
    { journal: [note, booked, paid] },
    { kind: 'done' },
    { journal: [note, booked, paid, { step: 'finish', state: 'done', began: at, ended: at }] },
  ],
  ['the end', { journal: [note, booked, paid, finished] }, { kind: 'ended' }, { state: 'done' }],
  ['a failed run', { journal: [note, booking], attempts: 1, error: 'down' }, lost, { attempts: 2, error: 'lost', due: at + 70 }],
  [
    'the last failed run',
    { journal: [note, booking], attempts: 2, error: 'down' },
    lost,
    { state: 'undoing', cause: failed, journal: [note, { ...booking, ended: at, unseen: true, runs: 3, error: 'lost' }] },
  ],
  [
    'a death too many',
    { journal: [note, booking], crashes: 5 },
    { ...lost, final: true },
    { state: 'undoing', cause: failed, crashes: 0, journal: [note, { ...booking, ended: at, unseen: true, runs: 1, error: 'lost' }] },
  ],
  [
    'a failed local step behind another one',
    { journal: [] },
    { ...lost, at: 3, final: true },
    { state: 'undoing', cause: { ...failed, step: 'finish' } },
  ],
  [
    'a declared error',
    { journal: [note, booking], attempts: 1, error: 'down' },
    { kind: 'refused', name: 'Full', data: 3, happened: false },
    {
      state: 'undoing',
      cause: { kind: 'declared', step: 'book', name: 'Full', data: 3 },
      journal: [note, { step: 'book', state: 'refused', began: 1, ended: at, runs: 2, error: 'down' }],
    },
  ],
  [
    'a declared error behind another command',
    { journal: [note, booking] },
    { kind: 'refused', name: 'Full', data: 3, happened: true },
    {
      state: 'undoing',
      cause: { kind: 'declared', step: 'book', name: 'Full', data: 3 },
      journal: [note, { ...booking, ended: at, unseen: true, runs: 1 }],
    },
  ],
  [
    'a run that did nothing',
    { journal: [note, booking] },
    { kind: 'postponed', message: 'open', waitMs: 50 },
    { due: at + 50, error: 'open' },
  ],
  [
    'a run that did nothing after one that failed',
    { journal: [note, booking], attempts: 2, error: 'down' },
    { kind: 'postponed', message: 'open', waitMs: 50 },
    { due: at + 50, error: 'down', attempts: 2 },
  ],
  [
    'a stop',
    { journal: [note, booking] },
    { kind: 'interrupted', cause: stopped },
    { state: 'undoing', cause: stopped, journal: [note, { ...booking, ended: at, unseen: true, runs: 1 }] },
  ],
  [
    'an undo',
    { state: 'undoing', journal: [note, booked], attempts: 1, error: 'locked' },
    { kind: 'done' },
    { journal: [note, { ...booked, state: 'undone', undo: { ended: at, runs: 2, error: 'locked' } }] },
  ],
  [
    'an undo that was refused',
    { state: 'undoing', journal: [note, booked] },
    { ...lost, refusals: { 'hotels.release#1': 1 } } as Outcome,
    { journal: [note, { ...booked, refusals: { 'hotels.release#1': 1 } }], attempts: 1, error: 'lost', due: at + 70 },
  ],
  [
    'the last failed undo',
    { state: 'undoing', journal: [note, booked], attempts: 9, error: 'locked' },
    lost,
    {
      state: 'stuck',
      attempts: 10,
      error: 'lost',
      journal: [note, { ...booked, state: 'stuck', undo: { ended: at, runs: 10, error: 'lost' } }],
    },
  ],
  ['the end of the undos', { state: 'undoing', journal: [{ ...note, state: 'undone' }] }, { kind: 'ended' }, { state: 'undone' }],
  [
    'a transition of a waiting instance',
    { journal: [note], due: 1000 },
    { kind: 'intended' },
    { due: at, journal: [note, { ...booking, began: at }] },
  ],
  [
    'a transition of a hurried one',
    { journal: [note], due: hurried },
    { kind: 'intended' },
    { due: at, journal: [note, { ...booking, began: at }] },
  ],
];

test('what an outcome makes of an instance', () => {
  for (const [what, before, outcome, after] of outcomes) {
    const from = instance(before);
    const fresh = { attempts: 0, error: undefined, crashes: 0, changed: at };
    assert.deepEqual(apply(trip, from, outcome, at), { ...from, ...fresh, ...after }, what);
  }
});

test('the machine changes nothing that it is given', () => {
  for (const [, before, outcome] of outcomes) {
    const from = instance(before);
    const copy = structuredClone(from);
    apply(trip, from, outcome, at);
    assert.deepEqual(from, copy);
  }
});

/** What a callee may do with a run: the outcome, and whether it took effect. */
type Chance = 'done' | 'refused' | 'failed' | 'postponed' | 'died' | 'stopped';
const chance = fc.constantFrom<Chance>('done', 'done', 'done', 'refused', 'failed', 'postponed', 'died', 'stopped');
const steps = fc
  .array(
    fc.record({
      kind: fc.constantFrom('remote' as const, 'local' as const),
      undoable: fc.boolean(),
      attempts: fc.integer({ min: 1, max: 3 }),
    }),
    { minLength: 1, maxLength: 5 },
  )
  .map((all) => all.map((one, index) => ({ ...one, name: `s${index}` })));

/** How often each step was run, by what is outside of the machine. */
interface World {
  readonly does: number[];
  readonly undos: number[];
  readonly order: string[];
}

/** Plays a random history. After each transition the instance is read from its JSON, as after a crash. */
function play(definition: MachineDefinition, chances: readonly Chance[], check: (before: Instance, action: Action, world: World) => void) {
  const world: World = { does: [], undos: [], order: [] };
  let current = instance({}, definition);
  let now = 1;
  for (const one of [...chances, ...new Array<Chance>(200).fill('done')]) {
    const action = next(definition, current);
    check(current, action, world);
    if (action.kind === 'rest') return { current, world };
    now += 10;
    if (action.kind === 'record') current = apply(definition, current, action.outcome, now);
    else {
      const { verb, at: index } = action;
      (verb === 'do' ? world.does : world.undos)[index] = ((verb === 'do' ? world.does : world.undos)[index] ?? 0) + 1;
      world.order.push(`${verb} ${index}`);
      if (one === 'died') current = { ...current, crashes: current.crashes + 1 };
      else if (one === 'stopped' && verb === 'do') current = { ...current, stopping: stopped };
      else if (one === 'refused' && verb === 'do')
        current = apply(definition, current, { kind: 'refused', name: 'No', data: undefined, happened: false }, now);
      else if (one === 'failed') current = apply(definition, current, lost, now);
      else if (one === 'postponed') current = apply(definition, current, { kind: 'postponed', message: 'open', waitMs: 5 }, now);
      else current = apply(definition, current, { kind: 'done', ...(verb === 'do' && { result: index }) }, now);
    }
    const read = JSON.parse(JSON.stringify(current)) as Instance;
    assert.deepEqual(next(definition, read), next(definition, current), 'a crash changes nothing');
  }
  return { current, world };
}

const histories = fc.record({ steps, chances: fc.array(chance, { maxLength: 60 }) });
const definitionOf = (all: readonly MachineStep[]): MachineDefinition => ({ steps: all, undoAttempts: 4, crashes: 3 });

test('G6: every history is legal: an intent before each effect, steps in order, and undos in reverse of all that may have happened', () => {
  fc.assert(
    fc.property(histories, ({ steps: all, chances }) => {
      const definition = definitionOf(all);
      const undone: number[] = [];
      const { current, world } = play(definition, chances, (before, action) => {
        const { journal, state, crashes } = before;
        assert.deepEqual(
          journal.map((entry) => entry.step),
          all.slice(0, journal.length).map(({ name }) => name),
          'the journal is a beginning of the steps',
        );
        assert.ok(journal.slice(0, -1).every((entry) => entry.state !== 'intended') || state !== 'running', 'one step at a time');
        if (action.kind !== 'run') return;
        assert.ok(crashes < definition.crashes, 'what kills its processes is given up');
        const { verb, at: index } = action;
        if (verb === 'do') {
          assert.equal(state, 'running');
          assert.equal(before.stopping, undefined, 'nothing begins behind a stop');
          assert.equal(index, all[index]?.kind === 'remote' ? journal.length - 1 : journal.length);
          if (all[index]?.kind === 'remote') assert.equal(journal[index]?.state, 'intended', 'the intent was written before the effect');
        } else {
          assert.equal(state, 'undoing');
          assert.ok(before.cause, 'an undo has a cause');
          assert.ok(all[index]?.undoable);
          assert.ok(
            undone.every((other) => other >= index),
            'undos run in reverse',
          );
          undone.push(index);
          assert.ok(['done', 'intended', 'stuck'].includes(String(journal[index]?.state)), 'only what may have happened is undone');
        }
      });
      const { state, journal } = current;
      assert.ok(['done', 'undone', 'stuck'].includes(state), `it comes to an end, and is ${state}`);
      if (state === 'done') {
        assert.equal(journal.length, all.length);
        assert.ok(journal.every((entry) => entry.state === 'done'));
        assert.deepEqual(world.undos, []);
      }
      if (state === 'undone')
        for (const [index, entry] of journal.entries())
          if (all[index]?.undoable) assert.ok(['undone', 'refused'].includes(entry.state), `${entry.step} is ${entry.state}`);
      // What ran and left no entry was local: its transaction was rolled back.
      for (const [index, runs] of world.does.entries()) if (runs > 0 && index >= journal.length) assert.equal(all[index]?.kind, 'local');
    }),
    { numRuns: 2000 },
  );
});

test('the journal of every history has its times in order and its runs within the limits', () => {
  fc.assert(
    fc.property(histories, ({ steps: all, chances }) => {
      const definition = definitionOf(all);
      const { current } = play(definition, chances, (before) => {
        const position = currentStep(before);
        const action = next(definition, before);
        if (action.kind === 'run') assert.deepEqual(position, { step: all[action.at]?.name, undo: action.verb === 'undo' });
      });
      for (const [index, { began = 0, ended = began, runs = 1, undo, unseen, state }] of current.journal.entries()) {
        assert.ok(began > 0 && ended >= began);
        assert.ok(runs <= (all[index]?.attempts ?? 0), `${runs} runs`);
        if (undo) assert.ok(undo.ended >= ended && undo.runs <= definition.undoAttempts);
        if (state === 'undone' || state === 'stuck') assert.ok(undo);
        if (unseen) assert.notEqual(current.state, 'done');
      }
    }),
    { numRuns: 1000 },
  );
});
