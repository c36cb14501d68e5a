import { idsFrom } from '../core/ids.ts';
import type { TraceContext } from '../core/trace.ts';
import { dueAt } from '../store/due.ts';
import type { Tx } from '../store/store.ts';
import type { Cause, Interruption } from './cause.ts';

/** `running` and `undoing` are live; `stuck` waits for a verdict; `done` and `undone` are ended. */
export type SagaState = 'running' | 'undoing' | 'stuck' | 'done' | 'undone';

/** How often each call of an undo was refused with a declared error, by operation and place. */
export type Refusals = Readonly<Record<string, number>>;

/** A verdict that was given. */
export interface GivenVerdict {
  readonly kind: 'retry' | 'skip' | 'result';
  /** Who gave it, if that was said. */
  readonly by?: string;
  readonly at: number;
  /** Since when the undo had been stuck, after how many runs, and what the last one failed with. */
  readonly stuck?: { readonly ended: number; readonly runs: number; readonly error?: string };
}

/** What is known of one step that was begun. */
export interface Entry {
  readonly step: string;
  /**
   * `intended` is written before the effect (G6). `refused`: a declared error, nothing to undo. `stuck`: its undo waits for a
   * verdict, or tries once more after one. `skipped`: a verdict waived its undo.
   */
  readonly state: 'intended' | 'done' | 'refused' | 'stuck' | 'undone' | 'skipped';
  readonly result?: unknown;
  /** Of its undo's calls, by earlier runs. */
  readonly refusals?: Refusals;
  /** A verdict told its result: these were the refusals then. */
  readonly told?: Refusals;
  /** When its intent was written, or for a local step its outcome; milliseconds since the epoch. */
  readonly began?: number;
  /** When its outcome was written, or when it was given up. */
  readonly ended?: number;
  /** It was given up before anybody saw its outcome. */
  readonly unseen?: true;
  /** Runs of `do`, when there was more than one, and what the last of those that failed said. */
  readonly runs?: number;
  readonly error?: string;
  /** What was decided each time that its undo was stuck, and how it had gone until then. */
  readonly verdicts?: readonly GivenVerdict[];
  /** How its undo went, once it is over or stuck. */
  readonly undo?: { readonly ended: number; readonly runs: number; readonly error?: string };
}

/** One instance of a saga, as its row is. */
export interface Instance {
  readonly id: string;
  readonly name: string;
  readonly key: string;
  /** The steps as they were in the code that last wrote it, by kind, name and whether they can be undone. */
  readonly plan: string;
  readonly input: unknown;
  readonly state: SagaState;
  readonly journal: readonly Entry[];
  readonly cause: Cause | undefined;
  /** What it is to be cut short for: the cause that it will be undone with. */
  readonly stopping: Interruption | undefined;
  /** Of the current step, or of the current undo. */
  readonly attempts: number;
  /** When it goes on; 0 when somebody hurried it, see retrySaga. */
  readonly due: number;
  /** What the last run of the current step or undo that failed said; when none has failed, what it waits for. */
  readonly error: string | undefined;
  readonly owner: string;
  /** How many processes died while they had it in hand, since it was last written. */
  readonly crashes: number;
  /** How often it was written. */
  readonly version: number;
  readonly started: number;
  readonly changed: number;
  /** How long it may take in all, in milliseconds, as its definition said when it was started; and the moment at which that is over. */
  readonly deadlineMs?: number | undefined;
  readonly until?: number | undefined;
  /** Of whoever started it. */
  readonly trace?: TraceContext | undefined;
  /** Why its row cannot be read, in lists: it is left aside until somebody mends it. */
  readonly unreadable?: string;
}

const startColumns = 'id, name, saga_key, plan, input, state, journal, attempts, due, owner, started, changed, deadline, until, trace';

/** Inserts a started instance. False when there is one of the same name and key. */
export async function insert(tx: Tx, instance: Instance): Promise<boolean> {
  const { changes } = await tx.run(
    tx.dialect.insertNew({ table: 'sw_saga', columns: startColumns, key: 'name, saga_key' }),
    instance.id,
    instance.name,
    instance.key,
    instance.plan,
    JSON.stringify(instance.input),
    instance.state,
    JSON.stringify(instance.journal),
    0,
    instance.due,
    instance.owner,
    instance.started,
    instance.changed,
    instance.deadlineMs === undefined ? undefined : Math.ceil(instance.deadlineMs),
    instance.until === undefined ? undefined : dueAt(instance.until),
    instance.trace && JSON.stringify(instance.trace),
  );
  return changes > 0;
}

/**
 * Forgets up to `limit` instances that ended before `before`, and their keys with them. Returns how many.
 * Ids are in the order of time: whatever is younger is not even looked at.
 */
export async function forgetEnded(tx: Tx, before: number, limit: number): Promise<number> {
  const { changes } = await tx.run(
    `delete from sw_saga where id in
      (select id from sw_saga where id < ? and changed < ? and state in ('done', 'undone') order by id limit ?)`,
    idsFrom(before),
    before,
    limit,
  );
  return changes;
}

/** What a transition changes. */
export interface Change {
  readonly state: SagaState;
  readonly journal: readonly Entry[];
  readonly cause?: Cause | undefined;
  readonly attempts?: number;
  readonly due?: number;
  readonly error?: string | undefined;
}

const undoStates: ReadonlySet<Entry['state']> = new Set(['undone', 'skipped', 'stuck']);

const timesOf = ({ step: _, state: __, result: ___, refusals: ____, told: _____, ...times }: Entry): Partial<Entry> => times;

/** The change with the times, runs and errors of what it ends: for whoever looks at it later, the saga itself needs none of them. */
export function timed<C extends Change>(instance: Instance, change: C, now: number): C {
  // Runs and error of the instance are those of its current step: the first that this change ends. One that never failed may have waited.
  let current = instance.attempts > 0;
  const error = current ? instance.error : undefined;
  const failed = { runs: instance.attempts + 1, ...(error !== undefined && { error }) };
  const journal = change.journal.map((entry, index): Entry => {
    const known = instance.journal[index];
    if (entry === known) return entry;
    const kept: Entry = { ...(known ? timesOf(known) : { began: now }), ...entry };
    if (entry.state === known?.state) return kept;
    if (undoStates.has(entry.state)) {
      const last = change.error ?? error;
      return { ...kept, undo: { ended: now, runs: change.attempts || instance.attempts + 1, ...(last !== undefined && { error: last }) } };
    }
    if (entry.state === 'intended') return kept;
    const ended = { ...kept, ended: now, ...(current && failed) };
    current = false;
    return ended;
  });
  // The outcome of the step at hand was never seen: when and why it was given up.
  const given = change.state === 'undoing' && instance.state === 'running' ? journal.at(-1) : undefined;
  if (given?.state === 'intended')
    journal[journal.length - 1] = {
      ...given,
      ...{ ended: now, unseen: true as const, runs: instance.attempts + 1 },
      ...(change.cause?.kind === 'failed' && { error: change.cause.message }),
    };
  return { ...change, journal };
}

/** The due time of one that somebody hurried: it goes on at once, and its next transition gives it another one. */
export const hurried = 0;

/**
 * Writes a transition and the plan that it follows, if the instance is still its owner's and still as the owner saw it: a
 * commit of his own that he never heard of has moved it on, too. The way forward is barred once somebody has stopped it.
 * Returns the instance as it is then; `undefined` when it was refused: read the row again.
 */
export async function advance(tx: Tx, instance: Instance, plan: string, change: Change, now: number): Promise<Instance | undefined> {
  const soon = instance.due === hurried ? now : Math.min(instance.due, now);
  const { state, journal, cause = instance.cause, attempts = 0, error } = change;
  const due = dueAt(change.due ?? soon);
  const next: Instance = {
    ...instance,
    plan,
    state,
    journal,
    cause,
    attempts,
    due,
    error,
    changed: now,
    crashes: 0,
    version: instance.version + 1,
  };
  const fence = [instance.id, instance.owner, instance.version] as const;
  const { step, whole } = state === 'running' || state === 'done' ? forwards : backwards;
  // From step to step nothing else changes, and no index.
  const { changes } = columns.every((column) => next[column] === instance[column])
    ? await tx.run(step, JSON.stringify(journal), now, ...fence)
    : await tx.run(whole, ...[JSON.stringify(journal), now, plan, state, cause && JSON.stringify(cause), attempts, due, error], ...fence);
  return changes > 0 ? next : undefined;
}

/** What a transition changes beside the journal, in the order of the columns. */
const columns = ['plan', 'state', 'cause', 'attempts', 'due', 'error'] as const;

function updates(unless: string): { readonly step: string; readonly whole: string } {
  const set = 'update sw_saga set version = version + 1, crashes = 0, journal = ?, changed = ?';
  const where = `where id = ? and owner = ? and version = ?${unless}`;
  return { step: `${set} ${where}`, whole: `${set}, ${columns.map((column) => `${column} = ?`).join(', ')} ${where}` };
}
const forwards = updates(' and stopping is null');
const backwards = updates('');

/** Marks a running instance as to be cut short, unless it is already. Returns its id, if it is one. */
export async function markStopping(tx: Tx, name: string, key: string, why: Interruption): Promise<string | undefined> {
  const [row] = await tx.all("select id from sw_saga where name = ? and saga_key = ? and state = 'running'", name, key);
  if (!row) return undefined;
  const id = String(row['id']);
  return (await interrupt(tx, id, why)) ? id : undefined;
}

/** The same by the id. False when it does not run, or is to be cut short already. */
export async function interrupt(tx: Tx, id: string, why: Interruption): Promise<boolean> {
  const mark = "update sw_saga set stopping = ? where id = ? and state = 'running' and stopping is null";
  return (await tx.run(mark, JSON.stringify(why), id)).changes > 0;
}
