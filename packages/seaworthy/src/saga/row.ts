import { SeaworthyError } from '../core/errors.ts';
import { parseJson } from '../core/parse-json.ts';
import { keptTrace } from '../core/trace.ts';
import type { Row, Value } from '../store/store.ts';
import type { Cause, Interruption } from './cause.ts';
import type { Entry, Instance, SagaState } from './journal.ts';

/** The row of a saga holds what no saga wrote; the message names the saga, the column and what is wrong there. */
export class SagaUnreadable extends SeaworthyError {
  readonly code = 'SW_SAGA_UNREADABLE';
  readonly kind = 'internal';
}

const states: ReadonlySet<string> = new Set<SagaState>(['running', 'undoing', 'stuck', 'done', 'undone']);
const entryStates: ReadonlySet<string> = new Set<Entry['state']>(['intended', 'done', 'refused', 'stuck', 'undone', 'skipped']);
const causes: ReadonlySet<string> = new Set<Cause['kind']>(['declared', 'failed', 'stopped', 'late']);
const interruptions: ReadonlySet<string> = new Set<Interruption['kind']>(['stopped', 'late']);

/** The columns of `sw_saga` that `instanceOf` and `shownOf` read. */
export const sagaColumns = `id, name, saga_key, plan, input, state, journal, cause, stopping, attempts, due, error, owner, crashes, version,
  started, changed, deadline, until, trace`;

const text = (value: Value | undefined): string | undefined => (value === null || value === undefined ? undefined : String(value));
const isObject = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null;

/** What is known of a row without trusting any of it. */
const named = (row: Row): Pick<Instance, 'id' | 'name' | 'key' | 'plan' | 'owner' | 'error'> => ({
  ...{ id: String(row['id']), name: String(row['name']), key: String(row['saga_key']), plan: String(row['plan']) },
  ...{ owner: String(row['owner']), error: text(row['error']) },
});

/** An instance as its row is. Throws `SagaUnreadable`. */
export function instanceOf(row: Row): Instance {
  const known = named(row);
  const refuse = (column: string, what: string): never => {
    throw new SagaUnreadable(
      `the saga ${known.name} ${known.key} (${known.id}) cannot be read: its column \`${column}\` ${what}. It is left aside; mend its row in sw_saga, and it goes on`,
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
    ...{ attempts: number('attempts'), due: number('due'), crashes: number('crashes'), version: number('version') },
    ...{ started: number('started'), changed: number('changed') },
    ...{ deadlineMs: optional('deadline'), until: optional('until') },
    trace: keptTrace(row['trace']),
  };
}

/** The same to be looked at, also of a row that cannot be read: then `unreadable` says why, and what follows from it is empty. */
export function shownOf(row: Row): Instance {
  try {
    return instanceOf(row);
  } catch (error) {
    if (!(error instanceof SagaUnreadable)) throw error;
    const number = (column: string): number => Number(row[column]) || 0;
    return {
      ...named(row),
      ...{ input: undefined, state: String(row['state']) as SagaState, journal: [], unreadable: error.message },
      ...{ cause: undefined, stopping: undefined },
      ...{ attempts: number('attempts'), due: number('due'), crashes: number('crashes'), version: number('version') },
      ...{ started: number('started'), changed: number('changed') },
    };
  }
}
