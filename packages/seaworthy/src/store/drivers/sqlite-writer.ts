import { orAborted } from '../../core/abort.ts';
import type { Runtime } from '../../core/runtime.ts';
import { sleep } from '../../core/sleep.ts';
import { turn } from '../../core/turn.ts';
import { CommitFailed, TransactionOver } from '../errors.ts';
import type { Tx } from '../store.ts';
import { type Connection, isBusy } from './sqlite-connection.ts';

/** One transaction that waits, or that has run and waits for the commit of its group. */
interface Member {
  readonly work: (tx: Tx) => Promise<unknown>;
  readonly signal: AbortSignal | undefined;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
  value: unknown;
}

/** The one who writes to a file: transactions run one after another, and those that wait together commit together. */
export interface Writer {
  add<V>(work: (tx: Tx) => Promise<V>, signal: AbortSignal | undefined): Promise<V>;
  /** Resolves once nothing waits. */
  idle(): Promise<void>;
}

/** A group is committed after so many members, or so long a time, even while others wait. */
const largest = 128;
const longestMs = 20;

export function writer(connection: Connection, service: string, runtime: Runtime): Writer {
  const { clock, random, observe } = runtime;
  const waiting: Member[] = [];
  let pumping: Promise<void> | undefined;

  /** Who does not want to wait any longer does not have to. */
  function leaveAborted(): void {
    for (const member of waiting.splice(0)) {
      if (member.signal?.aborted) member.reject(member.signal.reason);
      else waiting.push(member);
    }
  }

  /** Another process has the lock: wait a little, without holding up the event loop. */
  async function patiently(what: () => void): Promise<void> {
    for (let round = 0; ; round++) {
      try {
        return what();
      } catch (error) {
        if (!isBusy(error)) throw error;
        observe.count('seaworthy_store_busy_total', { service });
        leaveAborted();
        await sleep(clock, Math.min(50, 1 + round) * (0.5 + random.next()));
      }
    }
  }

  function transactionOf(): { readonly tx: Tx; readonly end: () => void } {
    let over = false;
    let depth = 0;
    const check = (): void => {
      if (over) throw new TransactionOver('this tx was used after its transaction had settled: await everything inside `transaction`');
    };
    const tx: Tx = {
      async all(sql, ...values) {
        check();
        return connection.all(sql, values);
      },
      async run(sql, ...values) {
        check();
        return connection.run(sql, values);
      },
      async savepoint(work) {
        check();
        const name = `s${depth++}`;
        connection.exec(`savepoint ${name}`);
        try {
          return await work();
        } catch (error) {
          if (!over && connection.inTransaction) connection.exec(`rollback to ${name}`);
          throw error;
        } finally {
          depth--;
          if (!over && connection.inTransaction) connection.exec(`release ${name}`);
        }
      },
    };
    return {
      tx,
      end: () => {
        over = true;
      },
    };
  }

  /** Runs one member behind a savepoint of its own. Its failure is its own, and rejects at once. */
  async function run(member: Member): Promise<boolean> {
    const { tx, end } = transactionOf();
    connection.exec('savepoint member');
    try {
      const work = member.work(tx);
      member.value = await (member.signal ? orAborted(work, member.signal) : work);
      end();
      connection.exec('release member');
      return true;
    } catch (error) {
      end();
      if (connection.inTransaction) connection.exec('rollback to member; release member');
      member.reject(error);
      return false;
    }
  }

  async function commit(group: readonly Member[]): Promise<void> {
    try {
      runtime.reached('store/commit/before');
      await patiently(() => connection.exec('commit'));
      runtime.reached('store/commit/after');
    } catch (cause) {
      if (connection.inTransaction) connection.exec('rollback');
      const error = new CommitFailed(`the commit of ${service} failed (${(cause as Error).message}): nothing of it is left`, { cause });
      for (const member of group) member.reject(error);
      return;
    }
    observe.count('seaworthy_store_commits_total', { service });
    observe.count('seaworthy_store_transactions_total', { service }, group.length);
    for (const member of group) member.resolve(member.value);
  }

  async function group(): Promise<void> {
    await patiently(() => connection.exec('begin immediate'));
    const began = clock.monotonic();
    const done: Member[] = [];
    while (waiting.length > 0 && done.length < largest && (done.length === 0 || clock.monotonic() - began < longestMs)) {
      const member = waiting.shift() as Member;
      if (member.signal?.aborted) member.reject(member.signal.reason);
      else if (await run(member)) done.push(member);
      if (!connection.inTransaction) {
        // The engine itself rolled all back (a full disk, say): the healthy ones run again.
        waiting.unshift(...done);
        return;
      }
    }
    if (done.length > 0) await commit(done);
    else connection.exec('rollback');
  }

  async function pump(): Promise<void> {
    while (waiting.length > 0) {
      // Whatever arrives in the same turn of the event loop joins the group.
      await turn();
      try {
        await group();
      } catch (error) {
        for (const member of waiting.splice(0)) member.reject(error);
      }
    }
    pumping = undefined;
  }

  return {
    add<V>(work: (tx: Tx) => Promise<V>, signal: AbortSignal | undefined): Promise<V> {
      return new Promise<V>((resolve, reject) => {
        waiting.push({ work, signal, resolve: resolve as (value: unknown) => void, reject, value: undefined });
        pumping ??= pump();
      });
    },
    idle: async () => {
      await pumping;
    },
  };
}
