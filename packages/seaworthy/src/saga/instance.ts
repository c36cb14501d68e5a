import type { Failure } from '../client/call.ts';
import { asJson } from '../contract/as-json.ts';
import type { Duration } from '../core/duration.ts';
import { SeaworthyError } from '../core/errors.ts';
import { parseJson } from '../core/parse-json.ts';
import { codeOf, textOf } from '../core/thrown.ts';
import { keptTrace, type TraceContext } from '../core/trace.ts';
import type { Row, Value } from '../store/store.ts';

/** The row of a saga holds what no saga wrote. The message names the saga, the column and what is wrong with it. */
export class SagaUnreadable extends SeaworthyError {
  readonly code = 'SW_SAGA_UNREADABLE';
  readonly kind = 'internal';
}

/** Too many processes died while they ran a step, or its undo. It is not run again. */
export class StepCrashed extends SeaworthyError {
  readonly code = 'SW_SAGA_STEP_CRASHED';
  readonly kind = 'internal';
}

/** `running` and `undoing` instances are active; `stuck` ones wait for a verdict; `done` and `undone` ones have ended. */
export type SagaState = 'running' | 'undoing' | 'stuck' | 'done' | 'undone';

/** How often each call of an undo was refused with a declared error. `hotels.release#2` is the undo's second call of that operation. */
export type Refusals = Readonly<Record<string, number>>;

/** A verdict that was given. */
export interface GivenVerdict {
  readonly kind: 'retry' | 'skip' | 'result';
  /** Who gave the verdict, if that was said. */
  readonly by?: string;
  readonly at: number;
  /** When the undo had become stuck, after how many runs, and the error of the last one. */
  readonly stuck?: { readonly ended: number; readonly runs: number; readonly error?: string };
}

/** The journal's entry of one step that was started. */
export interface Entry {
  readonly step: string;
  /**
   * `intended` is written before the effect (G6). `refused` means a declared error: nothing to undo. `stuck` means that the undo waits
   * for a verdict, or runs again after one. `skipped` means that a verdict left the undo out.
   */
  readonly state: 'intended' | 'done' | 'refused' | 'stuck' | 'undone' | 'skipped';
  readonly result?: unknown;
  /** The refusals that earlier runs of the undo met. */
  readonly refusals?: Refusals;
  /** The refusals at the moment when a verdict gave the step its result. */
  readonly refusalsAtVerdict?: Refusals;
  /** When the intent of the step was written, or the outcome of a local step; milliseconds since the epoch. */
  readonly began?: number;
  /** When the outcome was written, or when the step was given up. */
  readonly ended?: number;
  /** The step was given up before its outcome was seen. */
  readonly unseen?: true;
  /** How many runs `do` took, when it was more than one, and the error of the last failed one. */
  readonly runs?: number;
  readonly error?: string;
  /** The verdicts on this undo, each with how the undo had gone until then. */
  readonly verdicts?: readonly GivenVerdict[];
  /** How the undo went, once it has ended or is stuck. */
  readonly undo?: { readonly ended: number; readonly runs: number; readonly error?: string };
}

/** One instance of a saga. */
export interface Instance {
  readonly id: string;
  readonly name: string;
  readonly key: string;
  /** The steps of the code that last wrote the instance: their kinds, their names, and whether they can be undone. */
  readonly plan: string;
  readonly input: unknown;
  readonly state: SagaState;
  readonly journal: readonly Entry[];
  readonly cause: Cause | undefined;
  /** Why the instance is to be undone, once it is stopped or late. */
  readonly stopping: Interruption | undefined;
  /** How many runs of the current step, or of the current undo, failed. */
  readonly attempts: number;
  /** When the instance continues; 0 once `retrySaga` hurried it. */
  readonly due: number;
  /** The error of the last failed run of the current step or undo; when none failed, what the instance waits for. */
  readonly error: string | undefined;
  readonly owner: string;
  /** How many processes died while they had the instance in flight, since its last transition. */
  readonly crashes: number;
  /** How many transitions were written. */
  readonly version: number;
  readonly started: number;
  readonly changed: number;
  /** How long the instance may take in all, in milliseconds, as its definition said at the start. */
  readonly deadlineMs?: number | undefined;
  /** The moment at which its deadline passes. */
  readonly until?: number | undefined;
  /** The trace of the handler that started the instance. */
  readonly trace?: TraceContext | undefined;
  /** Only when the instance is read to be shown: why its row cannot be read. The instance is left aside until its row is corrected. */
  readonly unreadable?: string;
}

/** Why a saga is undone. */
export type Cause =
  /** A step ended with a declared error, which says that it did not happen. */
  | { readonly kind: 'declared'; readonly step: string; readonly name: string; readonly data: unknown }
  /** The outcome of a step stayed unknown in all its attempts. */
  | { readonly kind: 'failed'; readonly step: string; readonly code: string | undefined; readonly message: string }
  | Interruption;

/** Why a running saga is interrupted, at whichever step it is. */
export type Interruption =
  /** The saga was stopped; `by` is who stopped it, if that was said. */
  | { readonly kind: 'stopped'; readonly reason: string; readonly by?: string }
  /** The saga had not ended when its deadline passed. */
  | { readonly kind: 'late'; readonly deadline: Duration };

/** Returns a cause in words, with the step that caused it: `pay was refused: NotEnough`. */
export function causeText(cause: Cause): string {
  if (cause.kind === 'stopped') return `stopped${cause.by === undefined ? '' : ` by ${cause.by}`}: ${cause.reason}`;
  if (cause.kind === 'late') return `its deadline of ${cause.deadline} has passed`;
  if (cause.kind === 'declared') return `${cause.step} was refused: ${cause.name}`;
  return `${cause.step} failed: ${cause.code === undefined ? '' : `${cause.code}: `}${cause.message}`;
}

/** Returns the data of a declared error as JSON keeps it, or a text where JSON cannot represent it. */
export function failureData({ data }: Failure): unknown {
  if (data === undefined) return undefined;
  const json = asJson(data);
  return 'value' in json ? json.value : textOf(data);
}

/** Returns the code and the message of an error that is not declared. */
export function errorOf(error: unknown): { readonly code: string | undefined; readonly message: string } {
  const code = codeOf(error);
  return { code: typeof code === 'string' ? code : undefined, message: textOf(error) };
}

/** Returns the idempotency key of a step. The calls that the step makes have keys of their own, derived from this one. */
export const stepKey = (instance: Instance, step: string): string => `${instance.id}.${step}`;

/** Returns the results of steps, by name. */
export const resultsOf = (journal: readonly Entry[]): Readonly<Record<string, unknown>> =>
  Object.fromEntries(journal.filter(({ state }) => state !== 'intended' && state !== 'refused').map(({ step, result }) => [step, result]));

/** A step as it was in the code that last wrote an instance. */
export interface PlannedStep {
  readonly kind: 'local' | 'remote';
  readonly name: string;
  /** Whether the step can be undone. */
  readonly undo: boolean;
}

/** Returns the steps of an instance in their order: those that have started, and those ahead. */
export const plannedSteps = ({ plan }: Pick<Instance, 'plan'>): readonly PlannedStep[] =>
  plan === ''
    ? []
    : plan.split(', ').map((planned) => {
        const [kind, name, undo] = planned.split(' ');
        return { kind: kind as PlannedStep['kind'], name: name as string, undo: undo !== undefined };
      });

const states: ReadonlySet<string> = new Set<SagaState>(['running', 'undoing', 'stuck', 'done', 'undone']);
const entryStates: ReadonlySet<string> = new Set<Entry['state']>(['intended', 'done', 'refused', 'stuck', 'undone', 'skipped']);
const causes: ReadonlySet<string> = new Set<Cause['kind']>(['declared', 'failed', 'stopped', 'late']);
const interruptions: ReadonlySet<string> = new Set<Interruption['kind']>(['stopped', 'late']);

/** The columns of `sw_saga` that `instanceOf` and `shownOf` read. */
export const sagaColumns = `id, name, saga_key, plan, input, state, journal, cause, stopping, attempts, due, error, owner, crashes, version,
  started, changed, deadline, until, trace`;

const text = (value: Value | undefined): string | undefined => (value === null || value === undefined ? undefined : String(value));
const isObject = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null;

/** Returns the columns of a row that need no check. */
const named = (row: Row): Pick<Instance, 'id' | 'name' | 'key' | 'plan' | 'owner' | 'error'> => ({
  id: String(row['id']),
  name: String(row['name']),
  key: String(row['saga_key']),
  plan: String(row['plan']),
  owner: String(row['owner']),
  error: text(row['error']),
});

/** Returns the columns of a row that are numbers, each as `number` reads it. */
const counted = (
  number: (column: string) => number,
): Pick<Instance, 'attempts' | 'due' | 'crashes' | 'version' | 'started' | 'changed'> => ({
  attempts: number('attempts'),
  due: number('due'),
  crashes: number('crashes'),
  version: number('version'),
  started: number('started'),
  changed: number('changed'),
});

/** Returns the instance of a row. Throws `SagaUnreadable`. */
export function instanceOf(row: Row): Instance {
  const known = named(row);
  const refuse = (column: string, what: string): never => {
    throw new SagaUnreadable(
      `the saga ${known.name} ${known.key} (${known.id}) cannot be read: its column \`${column}\` ${what}. Correct its row in sw_saga, and it continues within half a minute`,
    );
  };
  function json(column: string): unknown {
    try {
      return parseJson(String(row[column]));
    } catch (error) {
      return refuse(column, `is not JSON (${(error as Error).message})`);
    }
  }
  function number(column: string): number {
    const value = row[column];
    return typeof value === 'number' ? value : refuse(column, `must be a number, got ${typeof value}`);
  }
  const optional = (column: string): number | undefined => (row[column] === null ? undefined : number(column));
  const state = String(row['state']);
  if (!states.has(state)) refuse('state', `must be one of ${[...states].join(', ')}, got ${JSON.stringify(state)}`);
  const journal = json('journal');
  const isEntry = (entry: unknown): boolean =>
    isObject(entry) && typeof entry['step'] === 'string' && entryStates.has(String(entry['state']));
  if (!Array.isArray(journal) || !journal.every(isEntry)) refuse('journal', 'must be a list of steps with their states');
  function reason(column: 'cause' | 'stopping', kinds: ReadonlySet<string>): unknown {
    if (row[column] === null) return undefined;
    const why = json(column);
    return isObject(why) && kinds.has(String(why['kind'])) ? why : refuse(column, 'must say why the saga is undone');
  }
  return {
    ...known,
    input: json('input'),
    state: state as SagaState,
    journal: journal as Entry[],
    cause: reason('cause', causes) as Cause | undefined,
    stopping: reason('stopping', interruptions) as Interruption | undefined,
    ...counted(number),
    deadlineMs: optional('deadline'),
    until: optional('until'),
    trace: keptTrace(row['trace']),
  };
}

/** Returns an instance to be shown. If its row cannot be read, `unreadable` says why, and its input, journal and cause are empty. */
export function shownOf(row: Row): Instance {
  try {
    return instanceOf(row);
  } catch (error) {
    if (!(error instanceof SagaUnreadable)) throw error;
    return {
      ...named(row),
      input: undefined,
      state: String(row['state']) as SagaState,
      journal: [],
      unreadable: error.message,
      cause: undefined,
      stopping: undefined,
      ...counted((column) => Number(row[column]) || 0),
    };
  }
}
