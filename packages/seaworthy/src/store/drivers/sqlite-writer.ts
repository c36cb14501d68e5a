import type { Timer } from '../../core/clock.ts';
import { macrotask } from '../../core/event-loop.ts';
import type { Runtime } from '../../core/runtime.ts';
import { isA } from '../../core/thrown.ts';
import { CommitFailed, CommitUnknown, StoreUnusable } from '../errors.ts';
import type { Tx } from '../store.ts';
import { isConstraint, retryWhileBusy } from './sqlite-busy.ts';
import type { Connection } from './sqlite-connection.ts';
import type { Files } from './sqlite-files.ts';
import type { Standing } from './sqlite-standing.ts';
import { beginRun } from './sqlite-tx.ts';
import type { WalSync } from './wal-sync.ts';

/** One transaction that waits, runs, or has run and waits for the commit of its group. */
interface Member {
  readonly work: (tx: Tx) => Promise<unknown>;
  readonly signal: AbortSignal | undefined;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
  /** Set while it runs: ends the run, whatever its work still does. */
  stop: ((ending: Ending) => void) | undefined;
  value: unknown;
  /** It runs in a group of its own, since it harmed or held up the one that it was in, or is not like others. */
  solo: boolean;
  readonly foreignKeys: boolean;
}

/** How a run ended. `yielded`: it is to run again once its work has settled. */
type Ending = { readonly kind: 'done'; readonly value: unknown } | { readonly kind: 'failed'; readonly error: unknown } | typeof yielded;
const yielded = { kind: 'yielded' } as const;

export interface WriteOptions {
  readonly signal?: AbortSignal | undefined;
  /** Whether foreign keys are enforced. Default true; without it the transaction has a group of its own. */
  readonly foreignKeys?: boolean;
}

/** The one who writes to a file: transactions run one after another, and those that wait together commit together. */
export interface Writer {
  add<V>(work: (tx: Tx) => Promise<V>, options: WriteOptions): Promise<V>;
  /** Resolves once nothing waits. */
  idle(): Promise<void>;
}

/** A group is committed after so many members, or so long a time, even while others wait or one still runs. */
const largest = 128;
const longestMs = 20;

/** What the work sees of a run that is taken back so that those before it can commit. */
class Yielded extends Error {}

export interface WriterParts {
  readonly connection: Connection;
  /** Without it a commit is told of at once. */
  readonly log: WalSync | undefined;
  readonly files: Files;
  readonly standing: Standing;
  readonly service: string;
  readonly runtime: Runtime;
}

export function writer({ connection, log, files, standing, service, runtime }: WriterParts): Writer {
  const { clock, observe } = runtime;
  const waiting: Member[] = [];
  /** Those whose first run was taken back and has not settled yet. */
  const yielding = new Set<Member>();
  let unsettled = 0;
  let settledAll = (): void => {};
  let pumping: Promise<void> | undefined;
  /** Statements so far, as of the last commit. */
  let changed = 0;

  const late = (error: Error): void => observe.log('error', error.message, { service, error });

  /** Whose work is done can no longer leave: it commits with its group. */
  function abort(member: Member): void {
    const error = member.signal?.reason;
    if (member.stop) {
      member.stop({ kind: 'failed', error });
      return;
    }
    const place = waiting.indexOf(member);
    if (place >= 0) waiting.splice(place, 1);
    if (place >= 0 || yielding.delete(member)) member.reject(error);
  }

  /** Once its first run has settled it comes next, in a group of its own. */
  function again(member: Member, settled: Promise<unknown>): void {
    observe.count('seaworthy_store_yields_total', { service });
    member.solo = true;
    yielding.add(member);
    settled.then(() => {
      if (!yielding.delete(member)) return;
      waiting.unshift(member);
      pumping ??= pump();
    });
  }

  /** Runs the first that waits. True when it is done; what failed has been taken back and rejected, and is nobody else's concern. */
  async function run(member: Member): Promise<boolean> {
    const attempt = beginRun(connection, late);
    waiting.shift();
    let settled: Promise<unknown> = Promise.resolve();
    const ending = await new Promise<Ending>((resolve) => {
      member.stop = (early) => {
        attempt.end(early === yielded ? new Yielded('this run was taken back, the work runs again') : undefined);
        resolve(early);
      };
      const done = (value: unknown): void => resolve({ kind: 'done', value });
      const failed = (error: unknown): void => resolve({ kind: 'failed', error });
      try {
        settled = member.work(attempt.tx).then(done, failed);
      } catch (error) {
        failed(error);
      }
    });
    member.stop = undefined;
    try {
      if (ending.kind === 'done') {
        const heard = attempt.settled();
        if (heard) await heard;
        attempt.keep();
        member.value = ending.value;
        return true;
      }
      attempt.undo();
      if (ending.kind === 'failed') member.reject(ending.error);
      else again(member, settled);
    } catch (error) {
      member.reject(error);
      attempt.undo();
    }
    return false;
  }

  /** Takes everything back; who was done runs again, in the order that it was. */
  function rerun(done: readonly Member[]): void {
    if (connection.inTransaction) connection.control('rollback');
    for (const member of done.toReversed()) {
      if (member.signal?.aborted) member.reject(member.signal.reason);
      else waiting.unshift(member);
    }
  }

  async function commit(done: readonly Member[]): Promise<void> {
    const rejected = (error: unknown): void => {
      for (const member of done) member.reject(error);
    };
    try {
      runtime.reached('store/commit/before');
      connection.control('commit');
      runtime.reached('store/commit/after');
    } catch (cause) {
      if (isConstraint(cause) && done.length > 1) {
        // A deferred constraint: only alone can it be told whose it is.
        for (const member of done) member.solo = true;
        rerun(done);
        return;
      }
      standing.met('write', cause);
      if (connection.inTransaction) connection.control('rollback');
      return rejected(new CommitFailed(`the commit of ${service} failed (${(cause as Error).message}): nothing of it is left`, { cause }));
    }
    try {
      await log?.flush();
      runtime.reached('store/flush/after');
      const missing = files.missing();
      if (missing !== undefined)
        standing.broke('its files were removed or replaced while it was open', new Error(`${missing} is not the file that was opened`));
      standing.check();
    } catch (cause) {
      const message = `nobody knows what became of a commit of ${service} (${(cause as Error).message}): start it again, and read again what it changed`;
      return rejected(new CommitUnknown(message, { cause }));
    }
    if (connection.changed !== changed) standing.worked('write');
    changed = connection.changed;
    observe.count('seaworthy_store_commits_total', { service });
    observe.count('seaworthy_store_transactions_total', { service }, done.length);
    for (const member of done) member.resolve(member.value);
  }

  /** Foreign keys are turned on and off between transactions only. */
  async function grouped(done: Member[]): Promise<void> {
    const first = waiting[0];
    if (first?.foreignKeys !== false) return group(done, first);
    connection.foreignKeys(false);
    try {
      await group(done, first);
    } finally {
      if (connection.inTransaction) connection.control('rollback');
      connection.foreignKeys(true);
    }
  }

  async function group(done: Member[], first: Member | undefined): Promise<void> {
    standing.check();
    await retryWhileBusy(() => connection.control('begin immediate'), { service, runtime, until: () => waiting.length === 0 });
    // While the lock was waited for another one may have come first, which wants its foreign keys otherwise.
    if (waiting[0]?.foreignKeys !== first?.foreignKeys) return connection.control('rollback');
    const began = clock.monotonic();
    let current: Member | undefined;
    let late = false;
    let timer: Timer | undefined;
    const commitSoon = (): void => {
      late = true;
      current?.stop?.(yielded);
    };
    try {
      while (waiting.length > 0 && done.length < largest && !late && (done.length === 0 || clock.monotonic() - began < longestMs)) {
        if (done.length > 0 && waiting[0]?.solo) break;
        current = waiting[0] as Member;
        // Whose work is done should not wait for one that hangs.
        if (done.length > 0) timer ??= clock.after(longestMs, commitSoon);
        if (await run(current)) done.push(current);
        if (!connection.inTransaction) return rerun(done.splice(0));
        if (current.solo) break;
      }
    } finally {
      timer?.cancel();
    }
    if (done.length > 0) await commit(done);
    else connection.control('rollback');
  }

  async function pump(): Promise<void> {
    while (waiting.length > 0) {
      // Whatever arrives in the same turn of the event loop joins the group.
      await macrotask();
      if (waiting.length === 0) break;
      const done: Member[] = [];
      try {
        await grouped(done);
      } catch (cause) {
        standing.met('write', cause);
        const error = isA(cause, StoreUnusable)
          ? cause
          : new StoreUnusable(`the database of ${service} cannot be written: ${(cause as Error).message}`, { cause });
        for (const member of [...done, ...waiting.splice(0)]) member.reject(error);
        if (connection.inTransaction) connection.control('rollback');
      }
    }
    pumping = undefined;
  }

  return {
    add<V>(work: (tx: Tx) => Promise<V>, { signal, foreignKeys = true }: WriteOptions): Promise<V> {
      return new Promise<V>((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason);
        const left = (): void => abort(member);
        let open = true;
        const settle = (): void => {
          if (!open) return;
          open = false;
          signal?.removeEventListener('abort', left);
          if (--unsettled === 0) settledAll();
        };
        const member: Member = {
          ...{ work, signal, stop: undefined, value: undefined, solo: !foreignKeys, foreignKeys },
          resolve(value) {
            settle();
            resolve(value as V);
          },
          reject(error) {
            settle();
            reject(error);
          },
        };
        unsettled++;
        signal?.addEventListener('abort', left, { once: true });
        waiting.push(member);
        pumping ??= pump();
      });
    },
    async idle() {
      if (unsettled > 0) {
        await new Promise<void>((resolve) => {
          settledAll = resolve;
        });
      }
      await pumping;
    },
  };
}
