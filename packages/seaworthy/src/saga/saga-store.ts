import { idsFrom } from '../core/ids.ts';
import { insertInto, type PartialIndex } from '../store/dialect.ts';
import { dueAt } from '../store/due.ts';
import type { Owned } from '../store/owners.ts';
import { readSome } from '../store/read-some.ts';
import type { Fragment, Migration, Read, Row, Statement, Tx, Values } from '../store/store.ts';
import { type Entry, type Instance, type Interruption, instanceOf, type SagaState, sagaColumns, shownOf } from './instance.ts';
import { hurried } from './machine.ts';

/** Active instances. Keep this wording: SQLite matches it to the partial index. */
export const live = "state in ('running', 'undoing')";

/** Instances that have not ended. Keep this wording, too. */
const open = "state in ('running', 'undoing', 'stuck')";

/** Instances in an unknown state. */
const lost = "state not in ('running', 'undoing', 'stuck', 'done', 'undone')";

/** The bytes of a row whose number its user decides on. */
export const userBytes = 'octet_length(input) + octet_length(journal)';

const running = "state = 'running'";

const sagaIndexes: readonly Omit<PartialIndex, 'table'>[] = [
  { name: 'sw_saga_live', columns: 'owner, due, id', where: live, whole: 'state, owner, due' },
  { name: 'sw_saga_late', columns: 'owner, until', where: `${running} and until is not null`, whole: 'state, owner, until' },
  { name: 'sw_saga_stopping', columns: 'owner', where: `${running} and stopping is not null`, whole: 'state, owner, stopping(1)' },
  { name: 'sw_saga_plan', columns: 'name, plan, id', where: open, whole: 'state, name, plan' },
  { name: 'sw_saga_lost', columns: 'id', where: lost },
  { name: 'sw_saga_stuck', columns: 'id', where: "state = 'stuck'" },
];

/** The table of the journal, for `store.migrate`. */
export const sagaMigrations: readonly Migration[] = [
  {
    name: 'seaworthy/saga/1',
    statements: ({ types: { ascii, integer, key, text }, hotTableOptions, partialIndex }) => [
      // No index has a column that changes from step to step: PostgreSQL then writes none (heap-only tuples).
      // `journal` is a JSON array with an entry for each step that was started, in order; see instance.ts.
      `create table sw_saga (
        id ${key} not null primary key, name ${key} not null, saga_key ${key} not null, plan ${ascii} not null, input ${text} not null,
        state ${key} not null, journal ${text} not null, cause ${text}, stopping ${text}, attempts ${integer} not null,
        due ${integer} not null, error ${text}, owner ${key} not null, version ${integer} not null default 0,
        started ${integer} not null, changed ${integer} not null, deadline ${integer}, until ${integer}, trace ${text},
        crashes ${integer} not null default 0, unique (name, saga_key))${hotTableOptions}`,
      ...sagaIndexes.flatMap((index) => partialIndex({ table: 'sw_saga', ...index })),
    ],
  },
];

const startColumns = 'id, name, saga_key, plan, input, state, journal, attempts, due, owner, started, changed, deadline, until, trace';

const started = { table: 'sw_saga', columns: startColumns, key: 'name, saga_key' };

const startValues = (instance: Instance): Values => [
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
];

/** Inserts a started instance. Returns false when there is one of the same name and key. */
export async function insertSaga(tx: Tx, instance: Instance): Promise<boolean> {
  const { changes } = await tx.run(tx.dialect.insertNew(started), ...startValues(instance));
  return changes > 0;
}

/** Inserts a started instance whose key is its own, with the commit. */
export const insertKeyless = (tx: Tx, instance: Instance): void => void tx.runAtCommit(insertInto(started), ...startValues(instance));

/** The columns that a transition may change beside the journal, in their order. */
const columns = ['plan', 'state', 'cause', 'attempts', 'due', 'error'] as const;

function updates(unless: string): { readonly step: string; readonly whole: string } {
  const set = 'update sw_saga set version = version + 1, crashes = 0, journal = ?, changed = ?';
  const where = `where id = ? and owner = ? and version = ?${unless}`;
  return { step: `${set} ${where}`, whole: `${set}, ${columns.map((column) => `${column} = ?`).join(', ')} ${where}` };
}
const forwards = updates(' and stopping is null');
const backwards = updates('');

/** A transition of one instance as its row gets it. */
export interface WrittenTransition {
  /** It changes no row when the transition is refused: read the row again. */
  readonly statement: Statement;
  /** The instance as it is written. */
  readonly written: Instance;
}

/**
 * Returns the transition from `seen` to `after`. It is written if the instance still belongs to its owner and is still as the owner saw
 * it: a commit whose answer was lost has moved it on as well. A stopped instance makes no transition forwards.
 */
export function transitionOf(seen: Instance, after: Instance): WrittenTransition {
  const next: Instance = { ...after, due: dueAt(after.due) };
  const { plan, state, journal, cause, attempts, due, error, changed } = next;
  const fence = [seen.id, seen.owner, seen.version] as const;
  const { step, whole } = state === 'running' || state === 'done' ? forwards : backwards;
  // From step to step nothing else changes, and no index.
  const statement: Statement = columns.every((column) => next[column] === seen[column])
    ? [step, JSON.stringify(journal), changed, ...fence]
    : [whole, JSON.stringify(journal), changed, plan, state, cause && JSON.stringify(cause), attempts, due, error, ...fence];
  return { statement, written: { ...next, version: seen.version + 1 } };
}

/** Writes a transition. Returns the instance as it was written, or `undefined` when the transition was refused. */
export async function writeTransition(tx: Tx, seen: Instance, after: Instance): Promise<Instance | undefined> {
  const { statement, written } = transitionOf(seen, after);
  return (await tx.run(...statement)).changes > 0 ? written : undefined;
}

/** Returns the row of one instance; `undefined` when there is none. */
export const rowOf = async (read: Read, id: string): Promise<Row | undefined> =>
  (await read.all(`select ${sagaColumns} from sw_saga where id = ?`, id))[0];

/** Returns one instance; `undefined` when there is none. Throws `SagaUnreadable`. */
export async function readSaga(read: Read, id: string): Promise<Instance | undefined> {
  const row = await rowOf(read, id);
  return row && instanceOf(row);
}

/**
 * Returns the definitions of instances that have not ended: their names, and their steps as they were written. Each statement enters the
 * index once, so that the number of instances does not matter.
 */
export async function openPlans(read: Read): Promise<readonly { readonly name: string; readonly plan: string }[]> {
  const first = async (which: string, ...values: readonly string[]): Promise<Row | undefined> =>
    (await read.all(`select name, plan from sw_saga where ${open} and ${which} order by name, plan limit 1`, ...values))[0];
  const plans: { readonly name: string; readonly plan: string }[] = [];
  for (let [name, plan] = ['', '']; ; plans.push({ name, plan })) {
    const row = (await first('name = ? and plan > ?', name, plan)) ?? (await first('name > ?', name));
    if (!row) return plans;
    [name, plan] = [String(row['name']), String(row['plan'])];
  }
}

const page = { rows: 16, bytes: 2 ** 22 };

/** Yields the instances of a plan that have not ended, and reads a few at a time, since each may be large. */
export async function* openInstances(read: Read, name: string, plan: string): AsyncGenerator<Instance> {
  for (let [after, more] = ['', true]; more; ) {
    const from = `sw_saga where ${open} and name = ? and plan = ? and id > ? order by id`;
    const some = await readSome(read, { columns: sagaColumns, size: userBytes, from, values: [name, plan, after] }, page);
    yield* some.rows.map(shownOf);
    after = String(some.rows.at(-1)?.['id']);
    more = some.more;
  }
}

/** Returns how many bytes an instance takes; 0 when there is none. */
export async function bytesOf(read: Read, id: string): Promise<number> {
  const [row] = await read.all(`select ${userBytes} as size from sw_saga where id = ?`, id);
  return Number(row?.['size'] ?? 0);
}

/** Returns the row of a key as far as a handler sees it. */
export const keyRow = async (read: Read, name: string, key: string): Promise<Row | undefined> =>
  (await read.all('select id, state, stopping, input from sw_saga where name = ? and saga_key = ?', name, key))[0];

/** Marks the running instance of a key as to be interrupted. Returns its id and its owner; `undefined` when none runs, or it was marked before. */
export async function markStopping(
  tx: Tx,
  name: string,
  key: string,
  why: Interruption,
): Promise<{ readonly id: string; readonly owner: string } | undefined> {
  const [row] = await tx.all("select id, owner from sw_saga where name = ? and saga_key = ? and state = 'running'", name, key);
  if (!row) return undefined;
  const id = String(row['id']);
  return (await interrupt(tx, id, why)) ? { id, owner: String(row['owner']) } : undefined;
}

/** Marks a running instance as to be interrupted. Returns false when the instance does not run, or was marked before. */
export const interrupt = async (tx: Tx, id: string, why: Interruption): Promise<boolean> => (await interruptAll(tx, [id], why)) > 0;

/** Marks instances as to be interrupted, except for those that do not run or were marked before. Returns the number of the others. */
export async function interruptAll(tx: Tx, ids: readonly string[], why: Interruption): Promise<number> {
  const which = `id in (${ids.map(() => '?').join(', ')}) and state = 'running' and stopping is null`;
  return (await tx.run(`update sw_saga set stopping = ? where ${which}`, JSON.stringify(why), ...ids)).changes;
}

/** Makes an instance due at once. Its version stays the same, so that its owner can write the outcome of a step that runs now. */
export async function hurry(tx: Tx, id: string): Promise<void> {
  await tx.run('update sw_saga set due = ? where id = ?', hurried, id);
}

/** Returns a stuck instance; `undefined` when none of this id is stuck. Throws `SagaUnreadable`. */
export async function readStuck(read: Read, id: string): Promise<Instance | undefined> {
  const [row] = await read.all(`select ${sagaColumns} from sw_saga where id = ? and state = 'stuck'`, id);
  return row && instanceOf(row);
}

/** Writes the journal of a stuck instance after a verdict. Any process may take the instance over; its undo begins anew. */
export async function writeVerdict(tx: Tx, id: string, journal: readonly Entry[], now: number): Promise<void> {
  await tx.run(
    `update sw_saga set version = version + 1, state = 'undoing', journal = ?, attempts = 0, error = null, due = ?, owner = '', changed = ?
      where id = ?`,
    JSON.stringify(journal),
    now,
    now,
    id,
  );
}

/**
 * Removes up to `limit` instances that ended before `before`, and their keys with them. Returns how many. Ids are in the order of time,
 * so the statement does not visit younger instances.
 */
export async function forgetEnded(tx: Tx, before: number, limit: number): Promise<number> {
  const where = { sql: "id < ? and changed < ? and state in ('done', 'undone')", values: [idsFrom(before), before] };
  const { sql, values } = tx.dialect.deleteFirst({ table: 'sw_saga', key: 'id', where, order: 'id', limit });
  return (await tx.run(sql, ...values)).changes;
}

/** An instance as far as an engine must know it to plan its run. */
export interface Summary {
  readonly id: string;
  readonly name: string;
  readonly state: SagaState;
  readonly stopping: boolean;
  readonly due: number;
  readonly changed: number;
  /** How many processes died while they had the instance in flight. */
  readonly crashes: number;
}

/** The columns that `summaryOf` reads. */
export const summaryColumns = 'id, name, state, stopping, due, changed, crashes';

/** Returns an instance as far as its row says it in `summaryColumns`. */
export const summaryOf = (row: Row): Summary => ({
  id: String(row['id']),
  name: String(row['name']),
  state: String(row['state']) as SagaState,
  stopping: row['stopping'] !== null,
  due: Number(row['due']),
  changed: Number(row['changed']),
  crashes: Number(row['crashes']),
});

/** Returns active instances of an owner that are due up to a moment, in their order, from behind one on. */
export async function pageOf(
  read: Read,
  owner: string,
  { after, until }: { readonly after: Pick<Summary, 'due' | 'id'>; readonly until: number },
  limit: number,
): Promise<readonly Summary[]> {
  const rows = await read.all(
    `select ${summaryColumns} from sw_saga where owner = ? and ${live} and due <= ? and (due, id) > (?, ?) order by due, id limit ?`,
    ...[owner, until, after.due, after.id, limit],
  );
  return rows.map(summaryOf);
}

/** Returns instances of an owner that are to be stopped, and those that an operator hurried. */
export async function urgentOf(read: Read, owner: string, limit: number): Promise<readonly Summary[]> {
  const some = (which: string): string =>
    `select ${summaryColumns} from (select ${summaryColumns} from sw_saga where owner = ? and ${which} limit ?) as urgent`;
  const rows = await read.all(
    `${some("state = 'running' and stopping is not null")} union all ${some(`${live} and due = ${hurried}`)}`,
    ...[owner, limit, owner, limit],
  );
  return rows.map(summaryOf);
}

/** The active instances, by their owners. */
export const liveSagas: Owned = { table: 'sw_saga', live };

/** An active instance of a dead owner, as far as an engine must know it to tell whether its code can continue it. */
export interface Orphan {
  readonly id: string;
  readonly name: string;
  readonly key: string;
  readonly plan: string;
  readonly version: number;
}

/** Returns active instances of an owner that meet a condition, in the order in which they are due. */
export async function orphansOf(read: Read, owner: string, which: Fragment, limit: number): Promise<readonly Orphan[]> {
  const rows = await read.all(
    `select id, name, saga_key, plan, version from sw_saga where ${live} and owner = ? and ${which.sql} order by due, id limit ?`,
    owner,
    ...which.values,
    limit,
  );
  return rows.map((row) => ({
    id: String(row['id']),
    name: String(row['name']),
    key: String(row['saga_key']),
    plan: String(row['plan']),
    version: Number(row['version']),
  }));
}

/** Returns the rows in an unknown state, without what may be large. */
export const lostRows = (read: Read, limit: number): Promise<readonly Row[]> =>
  read.all(`select id, name, saga_key, state from sw_saga where ${lost} limit ?`, limit);

/**
 * Writes a death into the row of an instance before it runs, so that the death counts if the run kills the process. Returns the number of
 * deaths that was written; `undefined` when another worker has the instance.
 */
export async function writeDeath(tx: Tx, owner: string, id: string): Promise<number | undefined> {
  const [row] = await tx.all('select crashes from sw_saga where id = ? and owner = ?', id, owner);
  if (!row) return undefined;
  const crashes = Number(row['crashes']) + 1;
  await tx.run('update sw_saga set crashes = ? where id = ?', crashes, id);
  return crashes;
}

/** Takes that death back once the run is over and the process lives. A run that made a transition has taken it back already. */
export async function takeDeathBack(tx: Tx, owner: string, id: string, crashes: number): Promise<void> {
  await tx.run('update sw_saga set crashes = crashes - 1 where id = ? and owner = ? and crashes = ?', id, owner, crashes);
}
