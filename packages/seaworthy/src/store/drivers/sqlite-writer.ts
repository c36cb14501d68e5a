import type { Timer } from '../../core/clock.ts';
import { macrotask } from '../../core/event-loop.ts';
import type { Runtime } from '../../core/runtime.ts';
import { isA } from '../../core/thrown.ts';
import { CommitFailed, CommitUnknown, StoreUnusable } from '../errors.ts';
import type { TransactionOptions, Tx } from '../store.ts';
import type { Topics } from '../topics.ts';
import { isConstraint, refusedCommit, retryWhileBusy } from './sqlite-busy.ts';
import type { Connection } from './sqlite-connection.ts';
import type { Files } from './sqlite-files.ts';
import type { Standing } from './sqlite-standing.ts';
import { Run } from './sqlite-tx.ts';
import type { WalSync } from './wal-sync.ts';

/** The end of a run. After `yielded` it runs again once its work has settled. */
type Ending = { readonly kind: 'done'; readonly value: unknown } | { readonly kind: 'failed'; readonly error: unknown } | typeof yielded;
const yielded = { kind: 'yielded' } as const;

export interface WriteOptions extends TransactionOptions {
  /** Whether foreign keys are enforced. Default true; without it the transaction has a group of its own. */
  readonly foreignKeys?: boolean;
}

/** A group is committed after so many members, or so long a time, even while others wait or one still runs. */
const largest = 128;
const longestMs = 20;

/** The work gets this error in a run that was rolled back so that its group could commit. */
class Yielded extends Error {}

interface Outcome {
  /** Called once, before the others. */
  readonly settle: () => void;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** One transaction that waits, runs, or has run and waits for the commit of its group. */
class Member {
  readonly work: (tx: Tx) => Promise<unknown>;
  readonly signal: AbortSignal | undefined;
  readonly foreignKeys: boolean;
  /** Whether it runs before members of the shared lane. */
  readonly isUrgent: boolean;
  readonly #outcome: Outcome;
  #open = true;
  /** Set while the work runs. It ends the run, even if the work continues. */
  stop: ((ending: Ending) => void) | undefined;
  value: unknown;
  notices: readonly string[] = [];
  /** Whether the transaction runs in a group of its own: it failed or held up its group, or needs other settings. */
  solo: boolean;

  constructor(work: (tx: Tx) => Promise<unknown>, { signal, foreignKeys = true, lane }: WriteOptions, outcome: Outcome) {
    this.work = work;
    this.signal = signal;
    this.foreignKeys = foreignKeys;
    this.isUrgent = lane === 'own';
    this.solo = !foreignKeys;
    this.#outcome = outcome;
  }

  resolve(): void {
    this.#settle();
    this.#outcome.resolve(this.value);
  }

  reject(error: unknown): void {
    this.#settle();
    this.#outcome.reject(error);
  }

  #settle(): void {
    if (this.#open) this.#outcome.settle();
    this.#open = false;
  }
}

export interface WriterDeps {
  readonly connection: Connection;
  /** Makes commits durable. Absent: a commit is acknowledged at once. */
  readonly log: WalSync | undefined;
  readonly files: Files;
  readonly standing: Standing;
  readonly topics: Topics;
  readonly service: string;
  readonly runtime: Runtime;
}

/** Writes to a file: transactions run one after another, and those that wait together commit together. */
export class Writer {
  readonly #deps: WriterDeps;
  readonly #waiting: Member[] = [];
  /** Members whose first run was rolled back and has not settled yet. */
  readonly #yielding = new Set<Member>();
  #unsettled = 0;
  #settledAll = (): void => {};
  #pumping: Promise<void> | undefined;
  /** The count of statements at the last commit. */
  #changed = 0;

  constructor(deps: WriterDeps) {
    this.#deps = deps;
  }

  /** Runs a transaction once it is its turn. Resolves when its commit is durable. */
  add<V>(work: (tx: Tx) => Promise<V>, options: WriteOptions): Promise<V> {
    const { signal } = options;
    return new Promise<V>((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const left = (): void => this.#abort(member);
      const member = new Member(work, options, {
        settle: () => {
          signal?.removeEventListener('abort', left);
          if (--this.#unsettled === 0) this.#settledAll();
        },
        resolve: resolve as (value: unknown) => void,
        reject,
      });
      this.#unsettled++;
      signal?.addEventListener('abort', left, { once: true });
      this.#enqueue(member);
    });
  }

  /** Resolves once no transaction waits or runs. */
  async idle(): Promise<void> {
    if (this.#unsettled > 0) {
      await new Promise<void>((resolve) => {
        this.#settledAll = resolve;
      });
    }
    await this.#pumping;
  }

  #enqueue(member: Member): void {
    const place = member.isUrgent ? this.#waiting.findIndex((other) => !other.isUrgent) : -1;
    if (place >= 0) this.#waiting.splice(place, 0, member);
    else this.#waiting.push(member);
    this.#pumping ??= this.#pump();
  }

  readonly #late = (error: Error): void => {
    const { runtime, service } = this.#deps;
    runtime.observe.log('error', error.message, { service, error });
  };

  /** Rejects a member that waits or runs. One whose work is done commits with its group. */
  #abort(member: Member): void {
    const error = member.signal?.reason;
    if (member.stop) {
      member.stop({ kind: 'failed', error });
      return;
    }
    const place = this.#waiting.indexOf(member);
    if (place >= 0) this.#waiting.splice(place, 1);
    if (place >= 0 || this.#yielding.delete(member)) member.reject(error);
  }

  /** Runs a member again, next and in a group of its own, once its first run has settled. */
  #again(member: Member, settled: Promise<unknown>): void {
    const { runtime, service } = this.#deps;
    runtime.observe.count('seaworthy_store_yields_total', { service });
    member.solo = true;
    this.#yielding.add(member);
    settled.then(() => {
      if (!this.#yielding.delete(member)) return;
      this.#waiting.unshift(member);
      this.#pumping ??= this.#pump();
    });
  }

  /** Runs the first member that waits. Returns whether it is done; one that failed has been rolled back to its own savepoint and rejected. */
  async #run(member: Member): Promise<boolean> {
    const attempt = new Run(this.#deps.connection, this.#late);
    this.#waiting.shift();
    let settled: Promise<unknown> = Promise.resolve();
    const ending = await new Promise<Ending>((resolve) => {
      member.stop = (early) => {
        attempt.end(early === yielded ? new Yielded('this run was rolled back: the work runs again') : undefined);
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
        member.notices = attempt.notices;
        return true;
      }
      attempt.undo();
      if (ending.kind === 'failed') member.reject(ending.error);
      else this.#again(member, settled);
    } catch (error) {
      member.reject(error);
      attempt.undo();
    }
    return false;
  }

  #rollback(): void {
    const { connection } = this.#deps;
    if (connection.inTransaction) connection.control('rollback');
  }

  /** Rolls everything back. Members that were done run again, in their order. */
  #rerun(done: readonly Member[]): void {
    this.#rollback();
    for (const member of done.toReversed()) {
      if (member.signal?.aborted) member.reject(member.signal.reason);
      else this.#waiting.unshift(member);
    }
  }

  async #commit(done: readonly Member[]): Promise<void> {
    const { connection, log, files, standing, topics, service, runtime } = this.#deps;
    const rejected = (error: unknown): void => {
      for (const member of done) member.reject(error);
    };
    try {
      runtime.reached('store/commit/before');
      connection.control('commit');
      runtime.reached('store/commit/after');
    } catch (cause) {
      if (isConstraint(cause)) {
        // A deferred constraint: only a group of one shows which member broke it.
        if (done.length > 1) {
          for (const member of done) member.solo = true;
          return this.#rerun(done);
        }
        this.#rollback();
        return rejected(refusedCommit(service, cause));
      }
      standing.met('write', cause);
      this.#rollback();
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
      const message = `the outcome of a commit of ${service} is unknown (${(cause as Error).message}): start it again, and read again what it changed`;
      return rejected(new CommitUnknown(message, { cause }));
    }
    if (connection.changed !== this.#changed) standing.worked('write');
    this.#changed = connection.changed;
    runtime.observe.count('seaworthy_store_commits_total', { service });
    runtime.observe.count('seaworthy_store_transactions_total', { service }, done.length);
    for (const member of done) member.resolve();
    for (const { notices } of done) for (const topic of notices) topics.notify(topic);
  }

  /** Foreign keys are turned on and off between transactions only. */
  async #grouped(done: Member[]): Promise<void> {
    const { connection } = this.#deps;
    const first = this.#waiting[0];
    if (first?.foreignKeys !== false) return this.#group(done, first);
    connection.foreignKeys(false);
    try {
      await this.#group(done, first);
    } finally {
      this.#rollback();
      connection.foreignKeys(true);
    }
  }

  async #group(done: Member[], first: Member | undefined): Promise<void> {
    const { connection, standing, service, runtime } = this.#deps;
    const waiting = this.#waiting;
    standing.check();
    await retryWhileBusy(() => connection.control('begin immediate'), { service, runtime, until: () => waiting.length === 0 });
    // During the wait for the lock another member may have come first, with another setting of foreign keys.
    if (waiting[0]?.foreignKeys !== first?.foreignKeys) return connection.control('rollback');
    const { clock } = runtime;
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
        // Members that are done should not wait for one that hangs.
        if (done.length > 0) timer ??= clock.after(longestMs, commitSoon);
        if (await this.#run(current)) done.push(current);
        if (!connection.inTransaction) return this.#rerun(done.splice(0));
        if (current.solo) break;
      }
    } finally {
      timer?.cancel();
    }
    if (done.length > 0) await this.#commit(done);
    else connection.control('rollback');
  }

  async #pump(): Promise<void> {
    const { standing, service } = this.#deps;
    while (this.#waiting.length > 0) {
      // Everything that arrives in the same turn of the event loop joins the group.
      await macrotask();
      if (this.#waiting.length === 0) break;
      const done: Member[] = [];
      try {
        await this.#grouped(done);
      } catch (cause) {
        standing.met('write', cause);
        const error = isA(cause, StoreUnusable)
          ? cause
          : new StoreUnusable(`the database of ${service} cannot be written: ${(cause as Error).message}`, { cause });
        for (const member of [...done, ...this.#waiting.splice(0)]) member.reject(error);
        this.#rollback();
      }
    }
    this.#pumping = undefined;
  }
}
