import { isDeepStrictEqual } from 'node:util';
import { asJson } from '../contract/as-json.ts';
import { type Examined, examineNow, type Schema, sentence } from '../contract/schema.ts';
import { SeaworthyError } from '../core/errors.ts';
import { isKey, keyRule } from '../core/key.ts';
import type { TraceContext } from '../core/trace.ts';
import type { Level, Read, Tx } from '../store/store.ts';
import type { Deadlines } from './deadlines.ts';
import { type AnySaga, machineOf, planOf, type Start, type Started, type Stop, type Stopping } from './definition.ts';
import type { Instance } from './instance.ts';
import { runLocals } from './local-step.ts';
import { recordAll } from './machine.ts';
import type { SagaDeps } from './saga-run.ts';
import { insertKeyless, insertSaga, keyRow, markStopping, writeTransition } from './saga-store.ts';
import { sagaTopic } from './topics.ts';

/** A saga was started with an input that breaks its schema. The handler's transaction is rolled back. */
export class SagaInputInvalid extends SeaworthyError {
  readonly code = 'SW_SAGA_INPUT_INVALID';
  readonly kind = 'internal';
}

/** A handler started or stopped a saga that its service does not list. The handler's transaction is rolled back. */
export class SagaUnlisted extends SeaworthyError {
  readonly code = 'SW_SAGA_UNLISTED';
  readonly kind = 'internal';
}

/** The instance of a key as a handler sees it. `stopping` is a state here: the instance runs and is to be undone. */
interface KeyState {
  readonly id: string;
  readonly state: string;
  readonly input: unknown;
}

/** What one call of `start` or `stop` makes of the instance of its key, if there is one. */
interface Effect {
  readonly level: Level;
  readonly saga: string;
  /** `undefined` where each start is an instance of its own. */
  readonly key: string | undefined | Promise<string | undefined>;
  readonly after: (before: KeyState | undefined) => Promise<KeyState | undefined> | KeyState | undefined;
}

function parsed(input: unknown): unknown {
  try {
    return JSON.parse(String(input));
  } catch {
    // No input is equal to one that cannot be read.
    return undefined;
  }
}

/** Returns the instance of a key as `earlier` calls of the same handler leave it. They are not written yet. */
async function keyStateOf(read: Read, saga: string, key: string, earlier: readonly Effect[]): Promise<KeyState | undefined> {
  const row = await keyRow(read, saga, key);
  let state: KeyState | undefined;
  if (row) {
    const halted = row['state'] === 'running' && row['stopping'] !== null;
    state = { id: String(row['id']), state: halted ? 'stopping' : String(row['state']), input: parsed(row['input']) };
  }
  for (const one of earlier) if (one.saga === saga && !one.level.undone && (await one.key) === key) state = await one.after(state);
  return state;
}

/** Returns the outcome of a start with `input` under the identity `id`. */
function startedOf(before: KeyState | undefined, id: string, input: unknown): Started {
  if (!before) return { started: true, id };
  const already = before.state as Extract<Started, { started: false }>['already'];
  return { started: false, id: before.id, already, sameInput: isDeepStrictEqual(before.input, input) };
}

/** Returns the outcome of a stop. */
function stoppingOf(before: KeyState | undefined): Stopping {
  if (before?.state === 'running' || before?.state === 'stopping') return { stopping: true, id: before.id };
  return { stopping: false, already: (before?.state ?? 'unknown') as Extract<Stopping, { stopping: false }>['already'] };
}

/** Returns a promise that calls `work` when it is first awaited. */
function lazy<V>(work: () => Promise<V>): PromiseLike<V> {
  let begun: Promise<V> | undefined;
  return {
    // biome-ignore lint/suspicious/noThenProperty: the promise is meant to be awaited
    then(fulfilled, rejected) {
      begun ??= work();
      return begun.then(fulfilled, rejected);
    },
  };
}

/** A definition without its types. */
export interface Defined extends AnySaga {
  readonly input: Schema;
  readonly key: ((input: unknown) => string) | undefined;
}

/** The starts and stops of one run of one handler, as far as they take effect. */
export interface Starts {
  readonly start: Start;
  readonly stop: Stop;
  /**
   * Writes them in the order of the calls in the handler's transaction, together with the local steps that a saga begins with. Starts and
   * stops of a savepoint that was rolled back are left out. Returns how many were written. Throws `SagaInputInvalid` for a schema that validates
   * asynchronously.
   */
  write(sql: Tx): Promise<number>;
  /** The new instances. */
  readonly fresh: readonly Instance[];
  /** Starts under the key of an instance that began with another input, whose outcome was not awaited. */
  readonly ignored: readonly { readonly saga: string; readonly key: string; readonly id: string }[];
  /** Instances of this worker that are to be stopped. */
  readonly stopped: readonly { readonly id: string; readonly saga: string }[];
}

export interface StartsDeps extends SagaDeps {
  readonly sagas: ReadonlyMap<string, Defined>;
  /** The id of the worker that drives what is started. */
  readonly owner: string;
  readonly deadlines: Pick<Deadlines, 'until'>;
}

/** What a saga is started with. */
interface Given {
  /** The input as the steps will read it. */
  readonly input: unknown;
  /** `undefined` where each start is an instance of its own. */
  readonly key: string | undefined;
}

/** One call of `start` or `stop`, with its arguments as they were then. */
interface Request extends Effect {
  readonly stops: boolean;
  /** Writes the start or the stop. `late`: nothing looks for its row before the commit. */
  write(sql: Tx, late: boolean): Promise<void>;
}

/** Returns the input as JSON keeps it. Throws `SagaInputInvalid`. */
function inputJson({ name }: Defined, value: unknown): unknown {
  const json = asJson(value, { storable: true });
  if ('value' in json) return json.value;
  throw new SagaInputInvalid(`the input of the saga ${name} cannot be kept: ${sentence([json.fault])}`);
}

function givenOf(saga: Defined, examined: Examined<unknown>): Given {
  if ('findings' in examined)
    throw new SagaInputInvalid(`the input of the saga ${saga.name} breaks its schema: ${sentence(examined.findings)}`);
  const input = inputJson(saga, examined.value);
  return { input, key: keyOf(saga, input) };
}

/** Throws `SagaInputInvalid` for a key that not every database keeps as it is. */
function keyOf({ name, key: keyIn }: Defined, input: unknown): string | undefined {
  const key = keyIn?.(input);
  if (key === undefined || isKey(key)) return key;
  throw new SagaInputInvalid(
    `the input of the saga ${name} gives the key ${JSON.stringify(key)}; a key must be a text ${keyRule}: correct the saga's \`key\``,
  );
}

/** The transaction in which instances begin. */
interface Beginning {
  readonly sql: Tx;
  readonly tx: unknown;
  readonly trace: TraceContext | undefined;
  /** Whether an instance without a key is inserted with the commit: nothing looks for its row before. */
  readonly late: boolean;
}

/**
 * Inserts an instance, unless there is one of the same key, and then runs its first local steps: of two transactions that start it, the
 * second finds the row of the first before it runs a step. Returns the new instance; `undefined` when there is one already.
 */
async function begin(
  deps: StartsDeps,
  { sql, tx, trace, late }: Beginning,
  saga: Defined,
  { input, key, id }: Given & { readonly id: string },
): Promise<Instance | undefined> {
  const { clock, reached } = deps.runtime;
  const now = clock.now();
  const bare: Instance = {
    id,
    name: saga.name,
    key: key ?? id,
    plan: planOf(saga),
    input,
    state: 'running',
    journal: [],
    cause: undefined,
    stopping: undefined,
    attempts: 0,
    due: now,
    error: undefined,
    owner: deps.owner,
    crashes: 0,
    version: 0,
    started: now,
    changed: now,
    deadlineMs: saga.deadlineMs,
    until: deps.deadlines.until(saga.deadlineMs),
    trace,
  };
  const first = recordAll(machineOf(saga, deps.crashes), bare, now);
  const locals = { tx, now, parents: [] };
  reached('saga/start/before');
  if (key === undefined && late) {
    const after = await runLocals(deps, saga, first, locals);
    insertKeyless(sql, after);
    return after;
  }
  if (!(await insertSaga(sql, first))) return undefined;
  const after = await runLocals(deps, saga, first, locals);
  return after === first ? first : ((await writeTransition(sql, first, after)) as Instance);
}

/** Collects what one run of a handler starts and stops in `tx`, as a part of `trace`. */
export function collectStarts(deps: StartsDeps, tx: unknown, trace: TraceContext | undefined): Starts {
  const within = deps.store.sql(tx);
  const all: Request[] = [];
  const fresh: Instance[] = [];
  const ignored: { readonly saga: string; readonly key: string; readonly id: string }[] = [];
  const stopped: { readonly id: string; readonly saga: string }[] = [];
  const known = (saga: AnySaga): Defined => {
    const owner = deps.contract['~contract'];
    if (saga.service !== owner)
      throw new SagaUnlisted(
        `the service ${owner} does not run the saga ${saga.name}, which belongs to ${saga.service}: publish an event to it`,
      );
    const defined = deps.sagas.get(saga.name);
    if (defined) return defined;
    throw new SagaUnlisted(`the service ${owner} does not run the saga ${saga.name}: add it to its \`sagas\``);
  };
  /** Adds a request behind all earlier ones, and returns those. */
  function request(one: Omit<Request, 'level'>): readonly Request[] {
    const earlier = all.slice();
    all.push({ ...one, level: within.level });
    return earlier;
  }

  function start(saga: AnySaga, input: unknown): PromiseLike<Started> {
    const defined = known(saga);
    const { name } = defined;
    const id = deps.runtime.ids.next();
    const examined = examineNow(defined.input, inputJson(defined, input));
    const given = examined instanceof Promise ? examined.then((later) => givenOf(defined, later)) : givenOf(defined, examined);
    const key = given instanceof Promise ? given.then((later) => later.key) : given.key;
    // `write` throws their failures; a handler that failed does not come to it.
    if (given instanceof Promise) given.catch(() => {});
    if (key instanceof Promise) key.catch(() => {});
    let awaited = false;
    const earlier = request({
      saga: name,
      key,
      after: async (before) => before ?? { id, state: 'running', input: (await given).input },
      stops: false,
      async write(sql, late) {
        const what = await given;
        const begun = await begin(deps, { sql, tx, trace, late }, defined, { ...what, id });
        if (begun) fresh.push(begun);
        else if (!awaited) {
          const there = await keyStateOf(sql, name, String(what.key), []);
          if (there && !isDeepStrictEqual(there.input, what.input)) ignored.push({ saga: name, key: String(what.key), id: there.id });
        }
      },
    });
    return lazy(async () => {
      awaited = true;
      const what = await given;
      const before = what.key === undefined ? undefined : await keyStateOf(within, name, what.key, earlier);
      return startedOf(before, id, what.input);
    });
  }

  function stop(saga: AnySaga, key: string, reason: string): PromiseLike<Stopping> {
    const { name } = known(saga);
    const earlier = request({
      saga: name,
      key,
      after: (before) => (before?.state === 'running' ? { ...before, state: 'stopping' } : before),
      stops: true,
      async write(sql) {
        const marked = await markStopping(sql, name, key, { kind: 'stopped', reason });
        if (marked?.owner === deps.owner) stopped.push({ id: marked.id, saga: name });
        else if (marked) sql.notify(sagaTopic);
      },
    });
    return lazy(async () => stoppingOf(await keyStateOf(within, name, key, earlier)));
  }

  return {
    ...{ fresh, stopped, ignored },
    start: start as unknown as Start,
    stop: stop as unknown as Stop,
    async write(sql) {
      const kept = all.filter(({ level }) => !level.undone);
      const late = !kept.some(({ stops }) => stops);
      for (const one of kept) await one.write(sql, late);
      return kept.length;
    },
  };
}
