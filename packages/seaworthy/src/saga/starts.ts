import { examine, type Schema, sentence } from '../contract/schema.ts';
import { SeaworthyError } from '../core/errors.ts';
import type { TraceContext } from '../core/trace.ts';
import type { Tx } from '../store/store.ts';
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
  /** Writes them with the handler's transaction, with the local steps that a saga begins with. Returns how many there were. */
  write(own: Tx): Promise<number>;
  /** New instances. */
  readonly fresh: readonly Instance[];
  /** The ids of instances that are to be stopped. */
  readonly stopped: readonly string[];
}

export interface StartsParts extends DriveParts {
  readonly sagas: ReadonlyMap<string, Defined>;
  /** The id of the worker that drives what is started. */
  readonly owner: string;
}

/** Inserts an instance, unless there is one of the same key. Returns it. */
async function begin(
  parts: StartsParts,
  own: Tx,
  tx: unknown,
  saga: Defined,
  given: unknown,
  trace: TraceContext | undefined,
): Promise<Instance | undefined> {
  const { clock, ids, reached } = parts.runtime;
  const examined = await examine(saga.input, given);
  if ('findings' in examined)
    throw new SagaInputInvalid(`the input of the saga ${saga.name} breaks its schema: ${sentence(examined.findings)}`);
  const now = clock.now();
  const id = ids.next();
  const key = saga.key ? saga.key(examined.value) : id;
  const input: unknown = JSON.parse(JSON.stringify(examined.value));
  if (saga.key) {
    const [known] = await own.all('select 1 as known from sw_saga where name = ? and key = ?', saga.name, key);
    if (known) return undefined;
  }
  const bare: Instance = {
    ...{ id, name: saga.name, key, plan: planOf(saga), input, owner: parts.owner, version: 0, started: now, changed: now, due: now },
    ...{ state: 'running', journal: [], cause: undefined, stopping: undefined, attempts: 0, error: undefined, trace },
  };
  const { state, journal } = timed(bare, await runLocals(parts, saga, { tx, own, instance: bare, journal: [], parents: [] }), now);
  reached('saga/start/before');
  const fresh: Instance = { ...bare, state, journal };
  return (await insert(own, fresh)) ? fresh : undefined;
}

/** Collects what one run of a handler starts and stops in `tx`; `trace` is what it is part of. */
export function collectStarts(parts: StartsParts, tx: unknown, trace: TraceContext | undefined): Starts {
  const starts: { readonly saga: Defined; readonly input: unknown }[] = [];
  const stops: { readonly saga: string; readonly key: string; readonly reason: string }[] = [];
  const fresh: Instance[] = [];
  const stopped: string[] = [];
  const known = (saga: AnySaga): Defined => {
    const defined = parts.sagas.get(saga.name);
    if (defined) return defined;
    throw new SagaUnlisted(`the service ${parts.contract['~contract']} does not run the saga ${saga.name}: add it to its \`sagas\``);
  };
  return {
    fresh,
    stopped,
    start: (saga, input) => void starts.push({ saga: known(saga as unknown as AnySaga), input }),
    stop: (saga, key, reason) => void stops.push({ saga: known(saga as unknown as AnySaga).name, key, reason }),
    async write(own) {
      for (const { saga, input } of starts) {
        const begun = await begin(parts, own, tx, saga, input, trace);
        if (begun) fresh.push(begun);
      }
      for (const { saga, key, reason } of stops) {
        const id = await markStopping(own, saga, key, reason);
        if (id !== undefined) stopped.push(id);
      }
      return starts.length + stops.length;
    },
  };
}
