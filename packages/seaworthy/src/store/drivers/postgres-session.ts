import { CommitFailed } from '../errors.ts';
import type { Changed, Row, Statement, Values } from '../store.ts';
import { cancel } from './postgres-cancel.ts';
import type { PostgresClient, Query, Result } from './postgres-client.ts';
import { explained, isAfterFailure, isLost, isStalePlan, isTrouble, ranAlone, sqlstateOf, unbegun } from './postgres-errors.ts';
import { postgresSyntax } from './postgres-syntax.ts';
import { columnTypes, toParameter } from './postgres-values.ts';
import { Again, type Beginning, exchanged, type Session } from './remote-session.ts';
import { bound, texts } from './statement-text.ts';

/** Quotes a name (https://www.postgresql.org/docs/current/sql-syntax-lexical.html). */
export const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

const paths = new Map<string, number>();

/** A short text for each path: the server tells the names of prepared statements apart by 63 bytes. */
function numberOf(path: string): number {
  const number = paths.get(path) ?? paths.size;
  paths.set(path, number);
  return number;
}

/** How the statements of a service are sent. */
export interface Manner {
  /** The schemas to look in, as `search_path` takes them. */
  readonly path: string;
  /** Whether statements are prepared under a name. */
  readonly prepare: boolean;
  /** Whether the connection keeps the path after a transaction. It must not where others use the connection. */
  readonly keepsPath: boolean;
}

/** What a connection keeps while it goes from hand to hand. */
export interface Standing {
  path?: string;
  /** A pooler may give each transaction another connection of the server. */
  readonly pooled: boolean;
  /** Whether what is sent waits for the end of this turn of the event loop. */
  corked?: boolean;
}

/** Lets all that is sent before the end of this turn go out in one write, which costs more than most statements. */
function inOneWrite({ connection }: PostgresClient, standing: Standing): void {
  const stream = connection?.stream;
  if (standing.corked || !stream?.cork || !stream.uncork) return;
  standing.corked = true;
  stream.cork();
  process.nextTick(() => {
    standing.corked = false;
    stream.uncork?.();
  });
}

/** Settles a commit whose connection was lost. Resolves when it is there, and throws `Again` or `CommitUnknown`. */
export type Settle = (transaction: string | undefined, cause: Error) => Promise<void>;

interface SessionDeps {
  readonly client: PostgresClient;
  readonly standing: Standing;
  readonly manner: Manner;
  /** `undefined` for a query outside of a transaction. */
  readonly beginning: Beginning | undefined;
  readonly settle: Settle;
  /** Called with what is wrong with the server or the way to it, and with nothing after a statement or a commit. */
  readonly met: (error?: unknown) => void;
  readonly committed: () => void;
  readonly reached: (point: 'store/commit/before' | 'store/commit/after') => void;
}

const textFor = texts(postgresSyntax);
/** Prepared statements have other names once a table that they read has changed. */
let generation = 0;

const one = (result: Result | readonly Result[]): Result => (Array.isArray(result) ? (result.at(-1) as Result) : (result as Result));

const changed = ({ command, rowCount }: Result): Changed => ({ changes: command === 'SELECT' ? 0 : (rowCount ?? 0) });

/** A connection of `pg`, for one run of a transaction or one query. */
export class PostgresSession implements Session {
  readonly #deps: SessionDeps;
  #lost = false;
  #released = false;
  #began = false;
  /** The server has begun it. */
  #begun = false;
  /** It is one query, in a transaction that may not change anything. */
  #reading = false;
  #pathSet = false;
  /** Why the server has not begun a transaction or a savepoint. */
  #refused: unknown;
  /** The id of the transaction, once the server has told it. */
  #transaction: string | undefined;

  constructor(deps: SessionDeps) {
    this.#deps = deps;
  }

  begin(): void {
    const { isolation, certain, durable } = this.#deps.beginning as Beginning;
    const rest = `${durable ? '' : '; set local synchronous_commit to off'}${certain ? '; select pg_current_xact_id()::text as id' : ''}`;
    // Of a `begin` with a level that a standby refuses nothing is left, and what follows would not be in a transaction.
    this.#begin(`; set transaction isolation level ${isolation}`, rest, (result) => {
      this.#transaction = (one(result).rows[0] as { id?: string } | undefined)?.id;
    });
  }

  #begin(mode: string, rest = '', done: (result: Result | readonly Result[]) => void = () => {}): void {
    const { manner, standing } = this.#deps;
    const keeps = manner.keepsPath && !standing.pooled;
    this.#began = true;
    let path = '';
    if (standing.path !== manner.path) {
      // A rollback takes it back.
      this.#pathSet = keeps;
      path = `; set ${keeps ? '' : 'local '}search_path to ${manner.path}`;
    }
    this.#control(`begin${mode}${path}${rest}`, (result) => {
      this.#begun = true;
      done(result);
    });
  }

  savepoint(): void {
    this.#control('savepoint level');
  }

  endSavepoint(keep: boolean): void {
    this.#control(keep ? 'release savepoint level' : 'rollback to savepoint level; release savepoint level');
  }

  async all(sql: string, values: Values): Promise<readonly Row[]> {
    const query = this.#query(sql, values);
    const { rows } = await (this.#began ? this.#answer(query, sql) : this.#alone(query, sql));
    return rows as readonly Row[];
  }

  async #alone(query: Query, sql: string): Promise<Result> {
    this.#reading = true;
    this.#begin(' read only');
    const [result, end] = await Promise.allSettled([this.#answer(query, sql), this.#send({ text: 'commit' })]);
    // Whoever gets the connection next relies on its path, so it is known before.
    if (end.status === 'fulfilled' && one(end.value).command === 'COMMIT') this.#keepPath();
    if (result.status === 'rejected') throw result.reason;
    return result.value;
  }

  async run(sql: string, values: Values): Promise<Changed> {
    return changed(await this.#answer(this.#query(sql, values), sql));
  }

  async commit(last: readonly Statement[]): Promise<readonly (Changed | undefined)[]> {
    const { reached, settle } = this.#deps;
    let queries: readonly Query[];
    try {
      queries = last.map(([sql, ...values]) => this.#query(sql, values));
    } catch (error) {
      await this.rollback();
      throw error;
    }
    reached('store/commit/before');
    const answers = queries.map((query, index) => this.#answer(query, last[index]?.[0] as string));
    const [outcome, ...outcomes] = await Promise.allSettled([this.#send({ text: 'commit' }), ...answers]);
    if (outcome.status === 'rejected' && isLost(outcome.reason)) {
      const cause = new Error((outcome.reason as Error).message);
      // The server answers in order: it has refused to begin, and has not come to the commit.
      if (sqlstateOf(this.#refused) !== undefined) throw new Again('connection', cause);
      // To ask takes another connection, which others must not wait for while this one is of no use.
      this.release();
      await settle(this.#transaction, cause);
    } else {
      const refused = outcomes.find(({ status }) => status === 'rejected');
      if (refused?.status === 'rejected') throw refused.reason;
      if (outcome.status === 'rejected') throw explained(outcome.reason, 'commit');
      if (!this.#begun) throw ranAlone(this.#refused);
      if (one(outcome.value).command === 'ROLLBACK')
        throw new CommitFailed('the database rolled the transaction back instead of committing it: nothing of it is left');
      this.#committed();
    }
    reached('store/commit/after');
    return outcomes.map((answer) => (answer.status === 'fulfilled' ? changed(answer.value) : undefined));
  }

  async rollback(): Promise<void> {
    await this.#send({ text: 'rollback' }).catch(() => this.#end()); // then the connection is of no use
  }

  abandon(): void {
    cancel(this.#deps.client);
    this.#end();
    this.release();
  }

  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#deps.client.release(this.#lost);
  }

  #end(): void {
    this.#lost = true;
  }

  /** Sends what belongs to the next statement. When it is refused, that statement is refused after it. */
  #control(text: string, done: (result: Result | readonly Result[]) => void = () => {}): void {
    this.#send({ text }).then(done, (error) => {
      if (!isAfterFailure(error)) this.#refused ??= error;
    });
  }

  #committed(): void {
    const { committed, met } = this.#deps;
    this.#keepPath();
    met();
    committed();
  }

  #keepPath(): void {
    const { manner, standing } = this.#deps;
    if (this.#pathSet) standing.path = manner.path;
  }

  #query(sql: string, values: Values): Query {
    const { manner } = this.#deps;
    const text = textFor(sql);
    const query = { text: text.sql, values: bound(text, sql, values, toParameter), types: columnTypes, queryMode: 'extended' } as const;
    return manner.prepare && text.id !== undefined ? { ...query, name: `${numberOf(manner.path)} ${text.id} ${generation}` } : query;
  }

  async #answer(query: Query, sql: string): Promise<Result> {
    let result: Result;
    try {
      result = one(await this.#send(query));
    } catch (error) {
      // Several may meet what one change of a table has left behind.
      if (isStalePlan(error) && query.name?.endsWith(` ${generation}`)) generation++;
      if (this.#refused !== undefined && (isAfterFailure(error) || !this.#begun)) throw this.#unbegun();
      throw explained(error, sql, this.#reading);
    }
    if (!this.#begun) throw ranAlone(this.#refused);
    this.#deps.met();
    return result;
  }

  /** Another connection may lead to another server. */
  #unbegun(): Error {
    const error = unbegun(this.#refused);
    this.#end();
    this.#deps.met(error);
    return error;
  }

  async #send(query: Query): Promise<Result | readonly Result[]> {
    const { client, standing, met } = this.#deps;
    try {
      inOneWrite(client, standing);
      return await exchanged(client.query(query));
    } catch (error) {
      if (isTrouble(error, this.#reading)) {
        this.#end();
        met(error);
      }
      throw error;
    }
  }
}
