import { isDeepStrictEqual } from 'node:util';
import type { Runtime } from '../../core/runtime.ts';
import { CommitFailed } from '../errors.ts';
import type { Row, Values } from '../store.ts';
import { isConstraint, refusedCommit } from './sqlite-busy.ts';
import { Connection } from './sqlite-connection.ts';

/** The outcome of a statement. */
export type Outcome = { readonly value: unknown } | { readonly error: unknown };

/** A statement or the mark of a savepoint, with its outcome. When it is replayed, its outcome must be the same. */
export interface Played {
  readonly execute: () => unknown;
  readonly outcome: Outcome;
  /** It is a query, and its transaction tolerates that others change what it has read. It is not replayed. */
  readonly passing: boolean;
}

export function outcomeOf(execute: () => unknown): Outcome {
  try {
    return { value: execute() };
  } catch (error) {
    return { error };
  }
}

/** One connection, which plays the statements of one transaction at a time. No transaction sees what another has not committed. */
export class MemoryDatabase {
  readonly service: string;
  readonly runtime: Runtime;
  readonly connection = new Connection(':memory:');
  /** The number of commits. */
  version = 0;
  /** The statements that the connection has played and not committed. */
  #played: readonly Played[] | undefined;

  constructor(service: string, runtime: Runtime) {
    this.service = service;
    this.runtime = runtime;
  }

  read(sql: string, values: Values): readonly Row[] {
    this.drop();
    return this.connection.all(sql, values);
  }

  /** Replays the statements of a transaction if another one ran meanwhile. False when one of them has another outcome than before. */
  play(statements: readonly Played[], foreignKeys: boolean): boolean {
    if (this.#played === statements) return true;
    this.drop();
    this.connection.foreignKeys(foreignKeys);
    this.connection.exec('begin');
    this.#played = statements;
    let same = true;
    for (const { execute, outcome, passing } of statements) if (!passing) same = isDeepStrictEqual(outcomeOf(execute), outcome) && same;
    return same;
  }

  /** Rolls back what has been played; given statements, only if they are the ones played. */
  drop(statements = this.#played): void {
    if (this.#played !== statements) return;
    this.#played = undefined;
    if (this.connection.inTransaction) this.connection.exec('rollback');
  }

  /** Commits what has been played. Throws `CommitFailed`, and `StatementFailed` when a deferred constraint is broken. */
  commit(): void {
    const { runtime, service } = this;
    try {
      runtime.reached('store/commit/before');
      this.connection.exec('commit');
      this.#played = undefined;
    } catch (cause) {
      if (isConstraint(cause)) throw refusedCommit(service, cause);
      throw new CommitFailed(`the commit of ${service} failed (${(cause as Error).message}): nothing of it is left`, { cause });
    }
    this.version++;
    runtime.reached('store/commit/after');
    runtime.observe.count('seaworthy_store_commits_total', { service });
  }
}
