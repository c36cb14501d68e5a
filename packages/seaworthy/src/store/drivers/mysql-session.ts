import { isA } from '../../core/thrown.ts';
import { CommitFailed, CommitUnknown, StatementFailed } from '../errors.ts';
import { refusalOf } from '../statement-name.ts';
import type { Changed, Row, Statement, Values } from '../store.ts';
import type { Field, Header } from './mysql-client.ts';
import { type Connected, type Connections, preparedText } from './mysql-connections.ts';
import { newRowsOnly } from './mysql-dialect.ts';
import { duplicate, explained, isLost, isTrouble } from './mysql-errors.ts';
import { mysqlSyntax } from './mysql-syntax.ts';
import { refuseTooLarge, rowsOf, toParameter } from './mysql-values.ts';
import { AfterFailure, Again, exchanged, type Session } from './remote-session.ts';
import { bound, texts } from './statement-text.ts';

interface SessionDeps {
  readonly service: string;
  readonly connected: Connected;
  readonly connections: Connections;
  readonly committed: () => void;
  readonly reached: (point: 'store/commit/before' | 'store/commit/after') => void;
}

/** A failure, and the number of the savepoints that were open. */
interface Failure {
  readonly error: Error;
  readonly depth: number;
}

const textFor = texts(mysqlSyntax);

/**
 * A connection of `mysql2`, for one run of a transaction or one query. Statements run one by one. Those that wait behind a failed one are
 * not sent: the server would go on with them, and after a deadlock it would run them in a transaction of their own.
 */
export class MysqlSession implements Session {
  readonly #deps: SessionDeps;
  #last: Promise<unknown> = Promise.resolve();
  #depth = 0;
  #failure: Failure | undefined;
  #lost = false;
  #released = false;

  constructor(deps: SessionDeps) {
    this.#deps = deps;
  }

  /** The connection stands so that a transaction begins with its first statement. */
  begin(): void {}

  savepoint(): void {
    this.#control(async () => {
      this.#depth++;
      if (!this.#failure) await this.#query(`savepoint level_${this.#depth}`);
    });
  }

  /** A savepoint that is kept needs no end: another one of its name replaces it. */
  endSavepoint(keep: boolean): void {
    this.#control(async () => {
      const depth = this.#depth--;
      if (keep || (this.#failure && this.#failure.depth < depth) || isA(this.#failure?.error, Again)) return;
      await this.#query(`rollback to savepoint level_${depth}`);
      this.#failure = undefined;
    });
  }

  async all(sql: string, values: Values): Promise<readonly Row[]> {
    const [rows, fields] = await this.#statement(sql, values);
    return Array.isArray(rows) ? rowsOf(rows, fields as Field[]) : [];
  }

  async run(sql: string, values: Values): Promise<Changed> {
    const [result] = await this.#statement(sql, values);
    return { changes: Array.isArray(result) ? 0 : (result as Header).affectedRows };
  }

  async commit(last: readonly Statement[]): Promise<readonly Changed[]> {
    const { service, committed, reached } = this.#deps;
    const changed: Changed[] = [];
    try {
      for (const [sql, ...values] of last) changed.push(await this.run(sql, values));
      await this.#last;
      if (this.#failure) throw this.#failure.error;
    } catch (error) {
      await this.rollback();
      throw error;
    }
    reached('store/commit/before');
    try {
      await this.#query('commit');
    } catch (error) {
      const reason = explained(error, 'commit');
      if (isLost(error))
        throw new CommitUnknown(
          `the connection to the database of ${service} was lost during a commit (${(error as Error).message}), and the database does not know of ended transactions: read again what it would have changed`,
          { cause: reason },
        );
      await this.rollback();
      if (isA(reason, Again)) throw reason;
      throw new CommitFailed(`the commit of ${service} failed (${reason.message}): nothing of it is left`, { cause: reason });
    }
    committed();
    reached('store/commit/after');
    return changed;
  }

  async rollback(): Promise<void> {
    await this.#last;
    if (!this.#lost) await this.#query('rollback').catch(() => this.#end()); // then the connection is of no use
  }

  abandon(): void {
    if (this.#released) return;
    this.#released = true;
    this.#deps.connections.kill(this.#deps.connected);
  }

  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#deps.connections.release(this.#deps.connected, this.#lost);
  }

  #end(): void {
    this.#lost = true;
  }

  #queued<R>(work: () => Promise<R>): Promise<R> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => {});
    return done;
  }

  /** Sends what belongs to the next statement. When it is refused, the transaction has met something. */
  #control(work: () => Promise<void>): void {
    void this.#queued(work).catch((error: unknown) => {
      const reason = explained(error, 'savepoint');
      this.#failure = { error: isA(reason, Again) ? reason : new Again('connection', reason), depth: 0 };
    });
  }

  async #statement(sql: string, values: Values): Promise<[unknown, unknown]> {
    const { connected } = this.#deps;
    const text = textFor(sql);
    const parameters = bound(text, sql, values, toParameter);
    refuseTooLarge(sql, values, connected.largest);
    return this.#queued(async () => {
      if (this.#failure) throw this.#after(this.#failure.error);
      try {
        const answer = await this.#sent(connected.client.execute(preparedText(connected, text.sql), parameters));
        if (sql.endsWith(newRowsOnly)) await this.#refuseIgnored(sql, answer[0] as Header);
        return answer;
      } catch (error) {
        const reason = isA(error, StatementFailed) ? error : explained(error, sql);
        this.#failure = { error: reason, depth: this.#depth };
        throw reason;
      }
    });
  }

  #after(error: Error): Error {
    return isA(error, Again) ? error : new AfterFailure(error.message, { cause: error });
  }

  /** An insert of new rows ignores those that are there, and with them every other error of a row. */
  async #refuseIgnored(sql: string, { warningStatus }: Header): Promise<void> {
    if (!warningStatus) return;
    const [warnings] = await this.#query('show warnings');
    const other = (warnings as { Code: number; Level: string; Message: string }[]).find(
      ({ Code, Level }) => Code !== duplicate && Level !== 'Note',
    );
    if (other) throw new StatementFailed(refusalOf(`a row was refused (error ${other.Code})`, sql));
  }

  #query(sql: string): Promise<[unknown, unknown]> {
    return this.#sent(this.#deps.connected.client.query(sql));
  }

  async #sent(answer: Promise<[unknown, unknown]>): Promise<[unknown, unknown]> {
    const { reachability } = this.#deps.connections;
    try {
      const result = await exchanged(answer);
      reachability.met();
      return result;
    } catch (error) {
      if (isTrouble(error)) {
        this.#end();
        reachability.met(error);
      }
      throw error;
    }
  }
}
