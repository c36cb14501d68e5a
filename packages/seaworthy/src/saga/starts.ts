import { isDeepStrictEqual } from 'node:util';
import { asJson } from '../contract/as-json.ts';
import { type Examined, examineNow, type Schema, sentence } from '../contract/schema.ts';
import { SeaworthyError } from '../core/errors.ts';
import type { TraceContext } from '../core/trace.ts';
import type { Tx } from '../store/store.ts';
import type { Deadlines } from './deadlines.ts';
import type { DriveParts } from './held.ts';
import { type Instance, insert, markStopping, timed } from './journal.ts';
import { runLocals } from './locals.ts';
import type { AnySaga, Start, Started, Stop, Stopping } from './saga.ts';
import { type Asked, standingOf, startedOf, stoppingOf, whenAwaited } from './standing.ts';
import { planOf } from './versions.ts';

/** A saga was started with an input that breaks its schema; nothing of the handler is left. */
export class SagaInputInvalid extends SeaworthyError {
  readonly code = 'SW_SAGA_INPUT_INVALID';
  readonly kind = 'internal';
}

/** A handler started or stopped a saga that its service does not list: a bug in the service. Nothing of the handler is left. */
export class SagaUnlisted extends SeaworthyError {
  readonly code = 'SW_SAGA_UNLISTED';
  readonly kind = 'internal';
}

/** A definition as the engine knows it, whatever its types are. */
export interface Defined extends AnySaga {
  readonly input: Schema;
  readonly key: ((input: unknown) => string) | undefined;
}

/** What one run of one handler started and stopped, as far as it took effect. */
export interface Starts {
  readonly start: Start;
  readonly stop: Stop;
  /**
   * Writes them in the order of the calls with the handler's transaction, and the local steps that a saga begins with; those of a
   * savepoint that was taken back are left out. Returns how many there were. Throws `SagaInputInvalid` for a schema that validates
   * asynchronously.
   */
  write(own: Tx): Promise<number>;
  /** New instances. */
  readonly fresh: readonly Instance[];
  /** Starts under the key of an instance that began with another input, which no handler looked at. */
  readonly ignored: readonly { readonly saga: string; readonly key: string; readonly id: string }[];
  /** Instances that are to be stopped. */
  readonly stopped: readonly { readonly id: string; readonly saga: string }[];
}

export interface StartsParts extends DriveParts {
  readonly sagas: ReadonlyMap<string, Defined>;
  /** The id of the worker that drives what is started. */
  readonly owner: string;
  readonly deadlines: Pick<Deadlines, 'until'>;
}

/** What a saga is started with. */
interface Given {
  /** As its steps will read it. */
  readonly input: unknown;
  /** `undefined` where each start is an instance of its own. */
  readonly key: string | undefined;
}

/** One call of `start` or `stop`, with what it was given as that was then. */
interface Write extends Asked {
  /** Writes it. */
  take(own: Tx): Promise<void>;
}

/** JSON as it will be read. Throws `SagaInputInvalid`. */
function inputJson({ name }: Defined, value: unknown): unknown {
  const json = asJson(value);
  if ('value' in json) return json.value;
  throw new SagaInputInvalid(`the input of the saga ${name} is not JSON: ${sentence([json.fault])}`);
}

function givenOf(saga: Defined, examined: Examined<unknown>): Given {
  if ('findings' in examined)
    throw new SagaInputInvalid(`the input of the saga ${saga.name} breaks its schema: ${sentence(examined.findings)}`);
  const input = inputJson(saga, examined.value);
  return { input, key: saga.key?.(input) };
}

/** Inserts an instance, unless there is one of the same key. Returns it. */
async function begin(
  parts: StartsParts,
  { own, tx, trace, id }: { readonly own: Tx; readonly tx: unknown; readonly trace: TraceContext | undefined; readonly id: string },
  saga: Defined,
  { input, key }: Given,
): Promise<Instance | undefined> {
  const { clock, reached } = parts.runtime;
  const now = clock.now();
  if (key !== undefined) {
    const [known] = await own.all('select 1 as known from sw_saga where name = ? and saga_key = ?', saga.name, key);
    if (known) return undefined;
  }
  const bare: Instance = {
    ...{ id, name: saga.name, key: key ?? id, plan: planOf(saga), input, owner: parts.owner, crashes: 0, version: 0 },
    ...{ started: now, changed: now, due: now, attempts: 0, trace },
    ...{ deadlineMs: saga.deadlineMs, until: parts.deadlines.until(saga.deadlineMs) },
    ...{ state: 'running', journal: [], cause: undefined, stopping: undefined, error: undefined },
  };
  const { state, journal } = timed(bare, await runLocals(parts, saga, { tx, own, instance: bare, journal: [], parents: [] }), now);
  reached('saga/start/before');
  const fresh: Instance = { ...bare, state, journal };
  return (await insert(own, fresh)) ? fresh : undefined;
}

/** Collects what one run of a handler starts and stops in `tx`; `trace` is what it is part of. */
export function collectStarts(parts: StartsParts, tx: unknown, trace: TraceContext | undefined): Starts {
  const within = parts.store.sql(tx);
  const all: Write[] = [];
  const fresh: Instance[] = [];
  const ignored: { readonly saga: string; readonly key: string; readonly id: string }[] = [];
  const stopped: { readonly id: string; readonly saga: string }[] = [];
  const known = (saga: AnySaga): Defined => {
    const defined = parts.sagas.get(saga.name);
    if (defined) return defined;
    throw new SagaUnlisted(`the service ${parts.contract['~contract']} does not run the saga ${saga.name}: add it to its \`sagas\``);
  };
  /** What is asked for last stands behind all that was asked for before. */
  function ask(one: Omit<Write, 'level'>): readonly Write[] {
    const earlier = all.slice();
    all.push({ ...one, level: within.level });
    return earlier;
  }

  function start(saga: AnySaga, input: unknown): PromiseLike<Started> {
    const defined = known(saga);
    const { name } = defined;
    const id = parts.runtime.ids.next();
    const examined = examineNow(defined.input, inputJson(defined, input));
    const given = examined instanceof Promise ? examined.then((later) => givenOf(defined, later)) : givenOf(defined, examined);
    const key = given instanceof Promise ? given.then((later) => later.key) : given.key;
    // They are heard in `write`, which a handler that failed does not come to.
    if (given instanceof Promise) given.catch(() => {});
    if (key instanceof Promise) key.catch(() => {});
    let told = false;
    const earlier = ask({
      saga: name,
      key,
      after: async (before) => before ?? { id, state: 'running', input: (await given).input },
      async take(own) {
        const what = await given;
        const begun = await begin(parts, { own, tx, trace, id }, defined, what);
        if (begun) fresh.push(begun);
        else if (!told) {
          const there = await standingOf(own, name, String(what.key), []);
          if (there && !isDeepStrictEqual(there.input, what.input)) ignored.push({ saga: name, key: String(what.key), id: there.id });
        }
      },
    });
    return whenAwaited(async () => {
      told = true;
      const what = await given;
      const before = what.key === undefined ? undefined : await standingOf(within, name, what.key, earlier);
      return startedOf(before, id, what.input);
    });
  }

  function stop(saga: AnySaga, key: string, reason: string): PromiseLike<Stopping> {
    const { name } = known(saga);
    const earlier = ask({
      saga: name,
      key,
      after: (before) => (before?.state === 'running' ? { ...before, state: 'stopping' } : before),
      async take(own) {
        const id = await markStopping(own, name, key, { kind: 'stopped', reason });
        if (id !== undefined) stopped.push({ id, saga: name });
      },
    });
    return whenAwaited(async () => stoppingOf(await standingOf(within, name, key, earlier)));
  }

  return {
    ...{ fresh, stopped, ignored },
    start: start as unknown as Start,
    stop: stop as unknown as Stop,
    async write(own) {
      const kept = all.filter(({ level }) => !level.undone);
      for (const { take } of kept) await take(own);
      return kept.length;
    },
  };
}
