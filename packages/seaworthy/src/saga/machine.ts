import type { Cause, Entry, Instance, Refusals } from './instance.ts';
import { plannedSteps, StepCrashed } from './instance.ts';

/**
 * The saga as a pure machine: `next` returns what an instance needs, and `apply` returns the instance after an outcome. The machine has no
 * clock, no store and no promise; the executor runs what `next` asks for and writes what `apply` returns. The intent of a remote step is
 * an outcome of its own, so no history runs a `do` that the journal does not know (G6).
 *
 * Later kinds of step are new actions and outcomes, and no new control flow: the executor still asks `next`, runs the action, and writes
 * what `apply` makes of its outcome.
 * - Parallel steps: the action `{ kind: 'run', verb: 'do', at: [2, 3] }`. One outcome writes all their intents; the end of each is an
 *   outcome `{ kind: 'done', at: 3, result }`. `next` returns the step behind them once all are done, and `nextUndo` takes them in reverse.
 * - Waits: the actions `{ kind: 'wait', at, until }` for a time and `{ kind: 'await', at, event }` for an event. The executor keeps the timer
 *   or the subscription; `apply` takes the outcome `{ kind: 'arrived', at, data }` as it takes `done`.
 * - Pivots: no action. Once the entry of a pivot is `done`, `apply` retries what fails behind it without a limit instead of undoing the
 *   saga, and `next` ignores `stopping`.
 */

/** What the machine knows of a step. */
export interface MachineStep {
  readonly name: string;
  readonly kind: 'remote' | 'local';
  /** Whether the step has an undo. */
  readonly undoable: boolean;
  /** How many runs of `do` may fail before the saga is undone. */
  readonly attempts: number;
}

/** What the machine knows of a saga. */
export interface MachineDefinition {
  readonly steps: readonly MachineStep[];
  /** How many runs of an undo may fail before the saga is stuck. */
  readonly undoAttempts: number;
  /** How many processes may die while they run one step, or its undo, before it is not run again. */
  readonly crashes: number;
}

/** What an instance needs. */
export type Action =
  /** Run `do` or `undo` of the step `at`: a remote one between two transitions, a local one in the transaction of its transition. */
  | { readonly kind: 'run'; readonly verb: 'do' | 'undo'; readonly at: number }
  /** The outcome is known without a run. */
  | { readonly kind: 'record'; readonly outcome: Outcome }
  /** Nothing needs to run: the instance has ended, or waits for a verdict. */
  | { readonly kind: 'rest' };

/** What came of an action. */
export type Outcome =
  /** The intent of a remote step, written before its first run. */
  | { readonly kind: 'intended' }
  /** `do` or `undo` succeeded. */
  | { readonly kind: 'done'; readonly result?: unknown }
  /** `do` ended with a declared error: it did not happen, unless another command of the same run may have `happened`. */
  | { readonly kind: 'refused'; readonly name: string; readonly data: unknown; readonly happened: boolean; readonly at?: number }
  /** A run failed, and what it did is unknown. The next run is due in `waitMs`, unless this was the last one. */
  | {
      readonly kind: 'failed';
      readonly code: string | undefined;
      readonly message: string;
      readonly waitMs: number;
      /**
       * The step that failed, when it is not the one that the instance is at: local steps share a transaction, which is rolled back with all
       * of them.
       */
      readonly at?: number;
      /** There is no next run, whatever the number of attempts. */
      readonly final?: boolean;
      readonly refusals?: Refusals;
    }
  /** A run did nothing, and counts as none. The next one is due in `waitMs`. */
  | { readonly kind: 'postponed'; readonly message: string; readonly waitMs: number; readonly refusals?: Refusals }
  /** The saga was stopped, or its deadline has passed. */
  | { readonly kind: 'interrupted'; readonly cause: Cause }
  /** Nothing is left to do, or to undo. */
  | { readonly kind: 'ended' };

/** How a run of a step ended, with its error if it has one. */
export interface Ended {
  readonly outcome: Outcome;
  readonly error?: unknown;
}

const undoable: ReadonlySet<Entry['state']> = new Set(['done', 'intended', 'stuck']);

/** Returns the index of the entry to undo next: the last one that is not undone yet and can be; -1 when none is left. */
const nextUndo = (journal: readonly Entry[], steps: readonly { readonly undoable: boolean }[]): number =>
  journal.findLastIndex((entry, index) => undoable.has(entry.state) && steps[index]?.undoable === true);

/** Returns the index of the step that a running instance is at. */
const nextDo = (journal: readonly Entry[]): number => (journal.at(-1)?.state === 'intended' ? journal.length - 1 : journal.length);

const record = (outcome: Outcome): Action => ({ kind: 'record', outcome });

function run(definition: MachineDefinition, { crashes }: Instance, verb: 'do' | 'undo', at: number): Action {
  if (crashes < definition.crashes) return { kind: 'run', verb, at };
  const { name } = definition.steps[at] as MachineStep;
  const { code, message } = new StepCrashed(
    `${crashes} processes died while they ran the ${verb === 'do' ? 'step' : 'undo of'} ${name}: it is not run again; find what kills them and correct it`,
  );
  return record({ kind: 'failed', code, message, waitMs: 0, final: true });
}

/** Returns what an instance needs next. */
export function next(definition: MachineDefinition, instance: Instance): Action {
  const { state, journal, stopping } = instance;
  if (state === 'running') {
    if (stopping) return record({ kind: 'interrupted', cause: stopping });
    const at = nextDo(journal);
    const step = definition.steps[at];
    if (!step) return record({ kind: 'ended' });
    if (step.kind === 'remote' && at === journal.length) return record({ kind: 'intended' });
    return run(definition, instance, 'do', at);
  }
  if (state === 'undoing') {
    const at = nextUndo(journal, definition.steps);
    return at < 0 ? record({ kind: 'ended' }) : run(definition, instance, 'undo', at);
  }
  return { kind: 'rest' };
}

/** The due time of an instance that an operator hurried. It continues at once, and its next transition gives it another due time. */
export const hurried = 0;

type Changes = Partial<Pick<Instance, 'state' | 'journal' | 'cause' | 'attempts' | 'due' | 'error'>>;

/** Returns the instance after a transition. What `changes` leaves out begins anew: no failed run, no error, no death, and due at once. */
const moved = (instance: Instance, now: number, changes: Changes): Instance => ({
  ...instance,
  attempts: 0,
  error: undefined,
  due: instance.due === hurried ? now : Math.min(instance.due, now),
  crashes: 0,
  changed: now,
  ...changes,
});

/** Returns how the runs of the current step went, if one failed. */
const failures = ({ attempts, error }: Instance): Partial<Entry> =>
  attempts === 0 ? {} : { runs: attempts + 1, ...(error !== undefined && { error }) };

/** Returns the instance as it is once its undo begins. A step whose outcome was never seen is marked, and undone with the others. */
function turned(instance: Instance, now: number, cause: Cause): Instance {
  const { journal, attempts } = instance;
  const last = journal.at(-1);
  if (last?.state !== 'intended') return moved(instance, now, { state: 'undoing', cause });
  const error = cause.kind === 'failed' ? { error: cause.message } : {};
  const unseen: Entry = { ...last, ended: now, unseen: true, runs: attempts + 1, ...error };
  return moved(instance, now, { state: 'undoing', cause, journal: journal.with(-1, unseen) });
}

/** Returns the journal after the current step of a running instance has ended in a way that is known. */
function stepEnded(instance: Instance, now: number, entry: Pick<Entry, 'step' | 'state' | 'result'>): readonly Entry[] {
  const { journal } = instance;
  const begun = journal[nextDo(journal)];
  const ended: Entry = { ...(begun ?? { began: now }), ...entry, ended: now, ...failures(instance) };
  return begun ? journal.with(-1, ended) : [...journal, ended];
}

function done(definition: MachineDefinition, instance: Instance, now: number, result: unknown): Instance {
  const { journal } = instance;
  if (instance.state === 'running') {
    const { name } = definition.steps[nextDo(journal)] as MachineStep;
    const entry = { step: name, state: 'done', ...(result !== undefined && { result }) } as const;
    return moved(instance, now, { journal: stepEnded(instance, now, entry) });
  }
  const at = nextUndo(journal, definition.steps);
  const { runs = 1, error } = failures(instance);
  const undone = { ended: now, runs, ...(error !== undefined && { error }) };
  return moved(instance, now, { journal: journal.with(at, { ...(journal[at] as Entry), state: 'undone', undo: undone }) });
}

function refused(
  definition: MachineDefinition,
  instance: Instance,
  now: number,
  { name, data, happened, at = nextDo(instance.journal) }: Outcome & { kind: 'refused' },
): Instance {
  const { journal } = instance;
  const { name: step } = definition.steps[at] as MachineStep;
  const cause: Cause = { kind: 'declared', step, name, data };
  // A local step leaves no entry when its transaction is rolled back.
  if (happened || journal.at(-1)?.state !== 'intended') return turned(instance, now, cause);
  return moved(instance, now, { state: 'undoing', cause, journal: stepEnded(instance, now, { step, state: 'refused' }) });
}

/** Returns the journal with the refusals that the calls of an undo met. */
function withRefusals(definition: MachineDefinition, { state, journal }: Instance, refusals: Refusals = {}): readonly Entry[] {
  if (state !== 'undoing' || Object.keys(refusals).length === 0) return journal;
  const at = nextUndo(journal, definition.steps);
  return journal.with(at, { ...(journal[at] as Entry), refusals });
}

function failed(definition: MachineDefinition, instance: Instance, now: number, outcome: Outcome & { kind: 'failed' }): Instance {
  const { code, message, waitMs, final = false, refusals } = outcome;
  const attempts = instance.attempts + 1;
  const doing = instance.state === 'running';
  const step = definition.steps[outcome.at ?? nextDo(instance.journal)];
  const journal = withRefusals(definition, instance, refusals);
  const most = doing ? (step?.attempts ?? 1) : definition.undoAttempts;
  if (!final && attempts < most) return moved(instance, now, { journal, attempts, due: now + waitMs, error: message });
  if (doing) return turned(instance, now, { kind: 'failed', step: step?.name ?? '', code, message });
  const at = nextUndo(journal, definition.steps);
  const stuck: Entry = { ...(journal[at] as Entry), state: 'stuck', undo: { ended: now, runs: attempts, error: message } };
  return moved(instance, now, { state: 'stuck', journal: journal.with(at, stuck), attempts, error: message });
}

/** Returns the instance after an outcome that was written, or is to be written, at `now`. */
export function apply(definition: MachineDefinition, instance: Instance, outcome: Outcome, now: number): Instance {
  const { journal, attempts } = instance;
  switch (outcome.kind) {
    case 'intended': {
      const { name } = definition.steps[journal.length] as MachineStep;
      return moved(instance, now, { journal: [...journal, { step: name, state: 'intended', began: now }] });
    }
    case 'done':
      return done(definition, instance, now, outcome.result);
    case 'refused':
      return refused(definition, instance, now, outcome);
    case 'failed':
      return failed(definition, instance, now, outcome);
    case 'postponed': {
      // What an earlier run failed with says more than what this one waits for.
      const error = attempts > 0 ? instance.error : outcome.message;
      const left = withRefusals(definition, instance, outcome.refusals);
      return moved(instance, now, { journal: left, attempts, due: now + outcome.waitMs, error });
    }
    case 'interrupted':
      return turned(instance, now, outcome.cause);
    case 'ended':
      return moved(instance, now, { state: instance.state === 'running' ? 'done' : 'undone' });
  }
}

/** Returns the instance after all that follows without a run. */
export function recordAll(definition: MachineDefinition, instance: Instance, now: number): Instance {
  let after = instance;
  for (let action = next(definition, after); action.kind === 'record'; action = next(definition, after))
    after = apply(definition, after, action.outcome, now);
  return after;
}

/** The step that an instance is at. */
export interface SagaPosition {
  readonly step: string;
  /** Whether the undo of the step runs, waits or is stuck, and not the step itself. */
  readonly undo: boolean;
}

/** Returns the step that an instance runs, undoes, or waits with for a verdict; `undefined` when it has ended or nothing is left to do. */
export function currentStep(instance: Pick<Instance, 'state' | 'journal' | 'plan'>): SagaPosition | undefined {
  const { state, journal } = instance;
  if (state === 'done' || state === 'undone') return undefined;
  const steps = plannedSteps(instance);
  if (state === 'running') {
    const at = nextDo(journal);
    const step = journal[at]?.step ?? steps[at]?.name;
    return step === undefined ? undefined : { step, undo: false };
  }
  const entry =
    journal[
      nextUndo(
        journal,
        steps.map(({ undo }) => ({ undoable: undo })),
      )
    ];
  return entry && { step: entry.step, undo: true };
}
