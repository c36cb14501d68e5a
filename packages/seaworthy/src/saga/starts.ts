import { asJson } from '../contract/as-json.ts';
import { type Examined, examineNow, type Schema, sentence } from '../contract/schema.ts';
import { SeaworthyError } from '../core/errors.ts';
import type { TraceContext } from '../core/trace.ts';
import type { Level, Tx } from '../store/store.ts';
import type { DriveParts } from './held.ts';
import { type Instance, insert, markStopping, timed } from './journal.ts';
import { runLocals } from './locals.ts';
import type { AnySaga, Start, Stop } from './saga.ts';
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
  /** Instances that are to be stopped. */
  readonly stopped: readonly { readonly id: string; readonly saga: string }[];
}

export interface StartsParts extends DriveParts {
  readonly sagas: ReadonlyMap<string, Defined>;
  /** The id of the worker that drives what is started. */
  readonly owner: string;
}

/** What a saga is started with. */
interface Given {
  /** As its steps will read it. */
  readonly input: unknown;
  /** `undefined` where each start is an instance of its own. */
  readonly key: string | undefined;
}

/** One call of `start` or `stop`, with what it was given as that was then. */
interface Asked {
  readonly level: Level;
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
  { own, tx, trace }: { readonly own: Tx; readonly tx: unknown; readonly trace: TraceContext | undefined },
  saga: Defined,
  { input, key }: Given,
): Promise<Instance | undefined> {
  const { clock, ids, reached } = parts.runtime;
  const now = clock.now();
  const id = ids.next();
  if (key !== undefined) {
    const [known] = await own.all('select 1 as known from sw_saga where name = ? and key = ?', saga.name, key);
    if (known) return undefined;
  }
  const bare: Instance = {
    ...{ id, name: saga.name, key: key ?? id, plan: planOf(saga), input, owner: parts.owner, version: 0 },
    ...{ started: now, changed: now, due: now, attempts: 0, trace },
    ...{ state: 'running', journal: [], cause: undefined, stopping: undefined, error: undefined },
  };
  const { state, journal } = timed(bare, await runLocals(parts, saga, { tx, own, instance: bare, journal: [], parents: [] }), now);
  reached('saga/start/before');
  const fresh: Instance = { ...bare, state, journal };
  return (await insert(own, fresh)) ? fresh : undefined;
}

/** Collects what one run of a handler starts and stops in `tx`; `trace` is what it is part of. */
export function collectStarts(parts: StartsParts, tx: unknown, trace: TraceContext | undefined): Starts {
  const within = parts.store.own(tx);
  const all: Asked[] = [];
  const fresh: Instance[] = [];
  const stopped: { readonly id: string; readonly saga: string }[] = [];
  const known = (saga: AnySaga): Defined => {
    const defined = parts.sagas.get(saga.name);
    if (defined) return defined;
    throw new SagaUnlisted(`the service ${parts.contract['~contract']} does not run the saga ${saga.name}: add it to its \`sagas\``);
  };
  const ask = (take: Asked['take']): void => void all.push({ level: within.level, take });

  function start(saga: AnySaga, input: unknown): void {
    const defined = known(saga);
    const examined = examineNow(defined.input, inputJson(defined, input));
    const given = examined instanceof Promise ? examined.then((later) => givenOf(defined, later)) : givenOf(defined, examined);
    // It is heard in `write`, which a handler that failed does not come to.
    if (given instanceof Promise) given.catch(() => {});
    ask(async (own) => {
      const begun = await begin(parts, { own, tx, trace }, defined, await given);
      if (begun) fresh.push(begun);
    });
  }

  function stop(saga: AnySaga, key: string, reason: string): void {
    const { name } = known(saga);
    ask(async (own) => {
      const id = await markStopping(own, name, key, reason);
      if (id !== undefined) stopped.push({ id, saga: name });
    });
  }

  return {
    ...{ fresh, stopped },
    start: start as unknown as Start,
    stop: stop as unknown as Stop,
    async write(own) {
      const kept = all.filter(({ level }) => !level.undone);
      for (const { take } of kept) await take(own);
      return kept.length;
    },
  };
}
