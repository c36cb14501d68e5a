import type { Caller } from '../client/caller.ts';
import type { Contract, Members } from '../contract/contract.ts';
import { type Scope, scope } from '../core/abort.ts';
import { bell } from '../core/bell.ts';
import type { Timer } from '../core/clock.ts';
import type { TraceContext } from '../core/trace.ts';
import { isDue, waitOf } from '../store/due.ts';
import type { Store, Tx } from '../store/store.ts';
import type { Worker } from '../store/worker.ts';
import { drive } from './drive.ts';
import type { DriveParts } from './held.ts';
import type { Instance } from './journal.ts';
import { sagaOf } from './list.ts';
import { moves } from './moves.ts';
import { orphans } from './orphans.ts';
import type { AnySaga, Start, Stop } from './saga.ts';
import { collectStarts, type Defined, type StartsParts } from './starts.ts';
import { longestWaitMs, SagaStopping } from './step.ts';
import { live } from './tables.ts';
import type { Tracing } from './traced.ts';
import { verifyVersions } from './versions.ts';

/** The starts and stops of one run of one handler. */
export interface Started {
  readonly start: Start;
  readonly stop: Stop;
  /** Writes them with the handler's transaction, with the local steps that a saga begins with. Returns how many. */
  write(own: Tx): Promise<number>;
  /** After the commit: they are taken up at once. */
  committed(): void;
}

/** Runs the sagas of one service in this process. */
export interface SagaEngine {
  /** For one run of a handler, in its transaction; `trace` is what the handler is part of. */
  collect(tx: unknown, trace?: TraceContext): Started;
  /** Looks once whether this code can carry on every live saga; changes nothing. Throws `SagaStranded`. */
  verify(): Promise<void>;
  /** Verifies, takes up what an earlier process left, and works from then on. */
  begin(): Promise<void>;
  /** Begins no further step; waits for those that run, and aborts them when `signal` does. Nothing counts as failed. */
  close(signal?: AbortSignal): Promise<void>;
}

export interface EngineParts extends Tracing {
  readonly store: Store<unknown, unknown>;
  readonly contract: Contract<string, Members>;
  readonly sagas: readonly AnySaga[];
  readonly call: Caller;
  readonly worker: Worker;
  readonly published: () => void;
  /** Instances at work at one time. Default 256. */
  readonly concurrency?: number | undefined;
}

const pollMs = 1000;
const batch = 500;

export function sagaEngine({ concurrency = 256, ...given }: EngineParts): SagaEngine {
  const { store, runtime, worker, published } = given;
  const parts: DriveParts = { ...given, moves: moves(store) };
  const { clock, observe } = runtime;
  const sagas = new Map(given.sagas.map((saga) => [saga.name, saga as Defined]));
  const starting: StartsParts = { ...parts, sagas, owner: worker.id };
  const free = orphans(store, runtime, worker, sagas);
  const line: string[] = [];
  const known = new Set<string>();
  const active = new Map<string, { readonly stop: Scope; readonly done: Promise<void> }>();
  const timers = new Map<string, Timer>();
  const woken = bell(clock);
  const stopping = new AbortController();
  const cut = scope({ clock });
  let polling: Promise<void> = Promise.resolve();
  let stuck = 0;
  let alive = 0;
  const gauges: (() => void)[] = [];

  const room = (): boolean => !stopping.signal.aborted && active.size < concurrency;

  /** `fresh`: as it was written just now, which saves reading it if its turn is now. */
  function enqueue(id: string, fresh?: Instance): void {
    if (known.has(id)) return;
    known.add(id);
    if (line.length === 0 && room()) work(id, fresh);
    else line.push(id);
  }

  function later(id: string, ms: number): void {
    known.add(id);
    timers.set(
      id,
      clock.after(
        ms,
        () => {
          timers.delete(id);
          known.delete(id);
          enqueue(id);
        },
        { background: true },
      ),
    );
  }

  /** It was waiting for its time; something happened that it should see now. */
  function hurry(id: string): void {
    const timer = timers.get(id);
    if (timer) {
      timer.cancel();
      timers.delete(id);
      known.delete(id);
    }
    active.get(id)?.stop.abort(new SagaStopping(`the saga ${id} is to be stopped`));
    enqueue(id);
  }

  async function run(id: string, fresh: Instance | undefined, stop: Scope): Promise<number | undefined> {
    const instance = fresh ?? (await sagaOf(store.ownRead, id));
    if (!instance || instance.owner !== worker.id || (instance.state !== 'running' && instance.state !== 'undoing')) return undefined;
    const early = waitOf({ due: instance.due, written: instance.changed }, clock.now());
    // A stop does not wait for its time; the undo that follows does.
    if (early > 0 && (instance.stopping === undefined || instance.state === 'undoing')) return early;
    return drive(parts, sagas.get(instance.name) as AnySaga, instance, { stop, closing: stopping.signal, cut });
  }

  function work(id: string, fresh?: Instance): void {
    const stop = scope({ clock });
    const done = run(id, fresh, stop)
      .catch((error: unknown) => {
        observe.log('error', 'a saga stumbled over its own database, it goes on', { id, error });
        return pollMs;
      })
      .then((wait) => {
        active.delete(id);
        known.delete(id);
        if (wait !== undefined && !stopping.signal.aborted) later(id, wait);
        while (line.length > 0 && room()) work(line.shift() as string);
      });
    active.set(id, { stop, done });
  }

  /** Instances that nobody living owns, and own ones that no wake told of. */
  async function look(): Promise<void> {
    const now = clock.now();
    const taken = await free.take(batch);
    observe.count('seaworthy_saga_taken_over_total', {}, taken.length);
    for (const id of taken) enqueue(id);
    const missed = isDue(now - pollMs, pollMs + longestWaitMs);
    const due = await store.ownRead.all(
      `select id from sw_saga where ${live} and owner = ? and ${missed.sql} limit ?`,
      worker.id,
      ...missed.values,
      batch,
    );
    for (const { id } of due) enqueue(String(id));
    const stopped = await store.ownRead.all(
      `select id from sw_saga where ${live} and state = 'running' and owner = ? and stopping is not null limit ?`,
      worker.id,
      batch,
    );
    for (const { id } of stopped) hurry(String(id));
    const [count] = await store.ownRead.all("select count(*) as n from sw_saga where state = 'stuck'");
    stuck = Number(count?.['n'] ?? 0);
    const [lives] = await store.ownRead.all(`select count(*) as n from sw_saga where ${live}`);
    alive = Number(lives?.['n'] ?? 0);
    if (taken.length === batch) woken.ring();
  }

  async function poll(): Promise<void> {
    while (!stopping.signal.aborted) {
      await look().catch((error: unknown) =>
        observe.log('error', 'live sagas could not be looked for, they are looked for again', { error }),
      );
      await woken.wait(pollMs, stopping.signal);
    }
  }

  let verified: Promise<void> | undefined;
  const verify = (): Promise<void> => {
    verified ??= verifyVersions(store.ownRead, given.sagas);
    return verified;
  };

  return {
    verify,
    collect(tx, trace) {
      const { fresh, stopped, start, stop, write } = collectStarts(starting, tx, trace);
      return {
        ...{ start, stop, write },
        committed() {
          if (fresh.length > 0) published();
          // One that was stopped at once is read again, and seen to be.
          for (const instance of fresh) enqueue(instance.id, stopped.includes(instance.id) ? undefined : instance);
          for (const id of stopped) if (known.has(id)) hurry(id);
        },
      };
    },
    async begin() {
      await verify();
      gauges.push(
        observe.gauge('seaworthy_saga_active', {}, () => active.size),
        observe.gauge('seaworthy_saga_live', {}, () => alive),
        observe.gauge('seaworthy_saga_stuck', {}, () => stuck),
      );
      polling = poll();
    },
    async close(signal) {
      stopping.abort();
      const end = (): void => cut.abort(signal?.reason);
      signal?.addEventListener('abort', end, { once: true });
      if (signal?.aborted) end();
      for (const timer of timers.values()) timer.cancel();
      await polling;
      await Promise.all([...active.values()].map(({ done }) => done));
      signal?.removeEventListener('abort', end);
      for (const remove of gauges) remove();
    },
  };
}
