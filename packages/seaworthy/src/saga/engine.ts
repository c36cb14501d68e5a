import type { Caller } from '../client/caller.ts';
import type { Contract, Members } from '../contract/contract.ts';
import { type Scope, scope } from '../core/abort.ts';
import type { Timer } from '../core/clock.ts';
import type { TraceContext } from '../core/trace.ts';
import { wakeup } from '../core/wakeup.ts';
import { type Alone, alone as aPlace } from '../outbox/suspects.ts';
import { isDue, waitOf } from '../store/due.ts';
import type { Store, Tx } from '../store/store.ts';
import type { Worker } from '../store/worker.ts';
import { deadlines } from './deadlines.ts';
import { drive, type Next } from './drive.ts';
import type { DriveParts } from './held.ts';
import { hurried, type Instance } from './journal.ts';
import { type Direction, directionOf, lanes } from './lanes.ts';
import { readSaga } from './list.ts';
import { moves } from './moves.ts';
import { orphans } from './orphans.ts';
import { type Room, room } from './room.ts';
import { SagaUnreadable, shownOf } from './row.ts';
import { type AnySaga, SagaInvalid, type Start, type Stop } from './saga.ts';
import { collectStarts, type Defined, type StartsParts } from './starts.ts';
import { longestWaitMs, SagaStopping } from './step.ts';
import { isSuspect, suspects, takeDeathBack, writeDeath } from './suspects.ts';
import { live, lost } from './tables.ts';
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
  /** Instances at work at one time, in shares; see lanes.ts. Default 256. */
  readonly concurrency?: number | undefined;
  /** How many processes may die while they run one step, 3 or more. Default 5. */
  readonly crashes?: number | undefined;
  /** Where what may kill the process is run. Default a place of the engine's own. */
  readonly alone?: Alone | undefined;
}

const pollMs = 1000;
const batch = 500;
/** As much of instances as is read at one time; each direction of each saga has its share. */
const mostBytes = 16 * 2 ** 20;
/** Until a saga that cannot be read is looked at again. */
const asideMs = 30_000;
/** Of those in no state that there is, so many are told of. */
const lostAtMost = 100;
/** Before the first that is due. */
const unseen = { due: 0, id: '' };

/** Throws `SagaInvalid` for a number of crashes that would blame the innocent. */
function crashesOf(crashes: number): number {
  if (Number.isSafeInteger(crashes) && crashes >= 3) return crashes;
  throw new SagaInvalid(`sagaCrashes must be a whole number from 3 on, got ${crashes}: two deaths may blame a saga that was only beside`);
}

export function sagaEngine({ concurrency = 256, crashes = 5, alone = aPlace(), ...given }: EngineParts): SagaEngine {
  const { store, runtime, worker } = given;
  const parts: DriveParts = { ...given, crashes: crashesOf(crashes), moves: moves(store) };
  const { clock, observe } = runtime;
  const sagas = new Map(given.sagas.map((saga) => [saga.name, saga as Defined]));
  const late = deadlines(store, runtime, worker);
  const starting: StartsParts = { ...parts, sagas, owner: worker.id, deadlines: late };
  const free = orphans(store, runtime, worker, sagas);
  const line = lanes(sagas.values(), concurrency);
  const rooms = new Map<string, Room>();
  const active = new Map<string, { readonly stop: Scope; readonly done: Promise<void> }>();
  const timers = new Map<string, Timer>();
  /** Whose rows cannot be read. */
  const aside = new Set<string>();
  const woken = wakeup(clock);
  const stopping = new AbortController();
  const cut = scope({ clock });
  const apart = suspects({ alone, closing: stopping.signal, run: ({ id, direction }) => work(id, direction, undefined, true) });
  let polling: Promise<void> = Promise.resolve();
  let seen = unseen;
  let stuck = 0;
  let lostIds: ReadonlySet<string> = new Set();
  let alive = 0;
  const gauges: (() => void)[] = [];

  /** `fresh`: as it was written just now, which saves reading it if its turn is now. */
  function enqueue(id: string, direction: Direction, fresh?: Instance): void {
    if (timers.has(id) || active.has(id) || apart.has(id)) return;
    line.add(id, direction);
    go(fresh);
  }

  /** Begins with those whose turn it is. */
  function go(fresh?: Instance): void {
    while (!stopping.signal.aborted) {
      const next = line.next();
      if (!next) return;
      work(next.id, next.direction, next.id === fresh?.id ? fresh : undefined);
    }
  }

  function later(id: string, ms: number, direction: Direction): void {
    timers.set(
      id,
      clock.after(
        ms,
        () => {
          timers.delete(id);
          enqueue(id, direction);
        },
        { background: true },
      ),
    );
  }

  /** It waits for its time no longer. */
  function hurry(id: string, direction: Direction): void {
    timers.get(id)?.cancel();
    timers.delete(id);
    enqueue(id, direction);
  }

  /** It is to be stopped: it waits neither for its time nor for those ahead of it that run. */
  function halt(id: string, saga: string): void {
    active.get(id)?.stop.abort(new SagaStopping(`the saga ${id} is to be stopped`));
    hurry(id, { saga, back: true });
  }

  /** Own instances that are to go on now, though a timer of this process may have them wait; but none that cannot be read. */
  async function told(which: string, ...values: readonly number[]): Promise<readonly { readonly id: string; readonly to: Direction }[]> {
    const rows = await store.sqlRead.all(
      `select id, name, state, stopping from sw_saga where owner = ? and ${which} limit ?`,
      ...[worker.id, ...values, batch],
    );
    return rows
      .map((row) => ({ id: String(row['id']), to: directionOf({ name: row['name'], state: row['state'], stopping: row['stopping'] }) }))
      .filter(({ id }) => !aside.has(id));
  }

  /** Waits until there is room for what an instance holds; the others of its direction may be large as well. */
  async function enter(id: string, { saga, back }: Direction, stop: Scope): Promise<() => void> {
    const name = `${saga} ${back}`;
    const own = rooms.get(name) ?? room(mostBytes / 2 / sagas.size);
    rooms.set(name, own);
    const [row] = await store.sqlRead.all('select octet_length(input) + octet_length(journal) as size from sw_saga where id = ?', id);
    const waiting = scope({ clock, parents: [stop, stopping.signal] });
    return own.take(Number(row?.['size'] ?? 0), waiting.signal).finally(() => waiting.end());
  }

  async function run(id: string, direction: Direction, fresh: Instance | undefined, stop: Scope): Promise<Next> {
    if (fresh) return carryOn(id, direction, fresh, stop);
    const leave = await enter(id, direction, stop);
    try {
      const instance = stopping.signal.aborted ? undefined : await readSaga(store.sqlRead, id);
      return instance && isSuspect(instance.crashes) ? { suspect: instance } : await carryOn(id, direction, instance, stop);
    } finally {
      leave();
    }
  }

  async function runAlone(id: string, direction: Direction, stop: Scope): Promise<Next> {
    const leave = await enter(id, direction, stop);
    const written = await writeDeath(store, worker, id);
    try {
      const instance = written === undefined || stopping.signal.aborted ? undefined : await readSaga(store.sqlRead, id);
      return await carryOn(id, direction, instance && { ...instance, crashes: instance.crashes - 1 }, stop);
    } finally {
      leave();
      if (written !== undefined) await takeDeathBack(store, worker, id, written);
    }
  }

  async function carryOn(id: string, { back }: Direction, instance: Instance | undefined, stop: Scope): Promise<Next> {
    aside.delete(id);
    if (!instance || instance.owner !== worker.id || (instance.state !== 'running' && instance.state !== 'undoing')) return undefined;
    if (directionOf(instance).back !== back) return { turned: instance };
    const early = waitOf({ due: instance.due, written: instance.changed }, clock.now());
    // A stop does not wait for its time; the undo that follows does.
    if (early > 0 && (instance.stopping === undefined || instance.state === 'undoing')) return { ms: early };
    return drive(parts, sagas.get(instance.name) as AnySaga, instance, { stop, closing: stopping.signal, cut });
  }

  function work(id: string, direction: Direction, fresh: Instance | undefined, alone = false): Promise<void> {
    const stop = scope({ clock });
    const done = (alone ? runAlone(id, direction, stop) : run(id, direction, fresh, stop))
      .catch((error: unknown): Next => {
        if (error instanceof SagaUnreadable) return setAside(id, direction, error);
        observe.log('error', 'a saga stumbled over its own database, it goes on', { id, error });
        return { ms: pollMs };
      })
      .then((next) => {
        active.delete(id);
        line.leave(id);
        if (next && 'suspect' in next) apart.add({ id, direction, crashes: next.suspect.crashes });
        else if (next && 'turned' in next) enqueue(id, directionOf(next.turned), next.turned);
        else if (next && !stopping.signal.aborted) later(id, next.ms, direction);
        go();
      });
    active.set(id, { stop, done });
    return done;
  }

  /** It is told of once, and looked at again now and then: somebody may have mended it. */
  function setAside(id: string, { saga }: Direction, error: SagaUnreadable): Next {
    if (!aside.has(id) && !lostIds.has(id))
      observe.log('error', 'a saga cannot be read and is left aside, the others go on', { saga, id, error });
    aside.add(id);
    return { ms: asideMs };
  }

  let looked = false;
  /** Instances that nobody living owns, and own ones that no wake told of. */
  async function look(): Promise<void> {
    const now = clock.now();
    const taken = await free.take(batch);
    observe.count('seaworthy_saga_taken_over_total', {}, taken.length);
    // Of what was there at the start, the start has told.
    if (looked && taken.length > 0) observe.log('info', 'sagas of a process that has ended are taken over', { sagas: taken.length });
    looked = true;
    await late.look(taken.length > 0);
    for (const { id, crashes, ...direction } of taken) {
      if (isSuspect(crashes)) apart.add({ id, direction, crashes });
      else enqueue(id, direction);
    }
    // What waits in line is due as well, and may be many: each look goes on behind the last one.
    const missed = isDue(now - pollMs, pollMs + longestWaitMs);
    const due = await store.sqlRead.all(
      `select id, name, state, stopping, due from sw_saga where ${live} and owner = ? and ${missed.sql} and (due, id) > (?, ?)
        order by due, id limit ?`,
      worker.id,
      ...missed.values,
      seen.due,
      seen.id,
      batch,
    );
    for (const row of due) enqueue(String(row['id']), directionOf({ name: row['name'], state: row['state'], stopping: row['stopping'] }));
    const last = due.length < batch ? undefined : due.at(-1);
    seen = last ? { due: Number(last['due']), id: String(last['id']) } : unseen;
    for (const { id, to } of await told("state = 'running' and stopping is not null")) halt(id, to.saga);
    for (const { id, to } of await told(`${live} and due = ?`, hurried)) hurry(id, to);
    await lookForLost();
    const [count] = await store.sqlRead.all("select count(*) as n from sw_saga where state = 'stuck'");
    stuck = Number(count?.['n'] ?? 0);
    const [lives] = await store.sqlRead.all(`select count(*) as n from sw_saga where ${live}`);
    alive = Number(lives?.['n'] ?? 0);
    if (taken.length === batch) woken.notify();
  }

  /** Instances in a state that there is not: no other look finds them. */
  async function lookForLost(): Promise<void> {
    const rows = await store.sqlRead.all(`select id, name, saga_key, state from sw_saga where ${lost} limit ?`, lostAtMost);
    const news = rows.map(shownOf).filter(({ id }) => !lostIds.has(id) && !aside.has(id));
    for (const { id, name: saga, unreadable: reason } of news)
      observe.log('error', 'a saga cannot be read and is left aside, the others go on', { saga, id, reason });
    lostIds = new Set(rows.map((row) => String(row['id'])));
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
    verified ??= verifyVersions(store.sqlRead, given.sagas);
    return verified;
  };

  return {
    verify,
    collect(tx, trace) {
      const { fresh, ignored, stopped, start, stop, write } = collectStarts(starting, tx, trace);
      return {
        ...{ start, stop, write },
        committed() {
          for (const one of ignored) observe.log('warn', 'a saga was not started: there is one of its key, with another input', one);
          // One that was stopped at once is read again, and seen to be.
          const halted = new Set(stopped.map(({ id }) => id));
          for (const one of fresh) enqueue(one.id, directionOf(one), halted.has(one.id) ? undefined : one);
          for (const { id, saga } of stopped) if (timers.has(id) || line.has(id) || active.has(id)) halt(id, saga);
        },
      };
    },
    async begin() {
      await verify();
      gauges.push(
        observe.gauge('seaworthy_saga_active', {}, () => line.active),
        ...given.sagas.map(({ name }) => observe.gauge('seaworthy_saga_waiting', { saga: name }, () => line.waiting(name))),
        observe.gauge('seaworthy_saga_unreadable', {}, () => new Set([...aside, ...lostIds]).size),
        observe.gauge('seaworthy_saga_live', {}, () => alive),
        observe.gauge('seaworthy_saga_stuck', {}, () => stuck),
        observe.gauge('seaworthy_saga_suspect', {}, () => apart.size),
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
      await Promise.all([apart.close(), ...[...active.values()].map(({ done }) => done)]);
      signal?.removeEventListener('abort', end);
      for (const remove of gauges) remove();
    },
  };
}
