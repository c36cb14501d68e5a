import { trackIo } from '../../core/event-loop.ts';
import { CommitFailed, StatementFailed } from '../errors.ts';
import type { Changed, Row, Statement, Values } from '../store.ts';
import { cancel } from './postgres-cancel.ts';
import type { PostgresClient, Query, Result } from './postgres-client.ts';
import { explained, isLost, isStalePlan } from './postgres-errors.ts';
import { postgresSyntax } from './postgres-syntax.ts';
import { columnTypes, toParameter } from './postgres-values.ts';
import type { Beginning, Session } from './remote-session.ts';
import { texts } from './statement-text.ts';

/** A statement that waits for a lock waits for somebody whose virtual time must go on. */
const ioAtMostMs = 250;

/** Quotes a name (https://www.postgresql.org/docs/current/sql-syntax-lexical.html). */
export const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

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
}

/** Settles a commit whose connection was lost. Resolves when it is there, and throws `Again` or `CommitUnknown`. */
export type Settle = (transaction: string | undefined, cause: Error) => Promise<void>;

interface SessionDeps {
  readonly client: PostgresClient;
  readonly standing: Standing;
  readonly manner: Manner;
  readonly settle: Settle;
  /** Called with each error of the client, and with nothing after a success. */
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
  #pathSet = false;
  /** The id of the transaction, once the server has told it. */
  #transaction: string | undefined;

  constructor(deps: SessionDeps) {
    this.#deps = deps;
  }

  begin({ isolation, certain, durable }: Beginning): void {
    const rest = `${durable ? '' : '; set local synchronous_commit to off'}${certain ? '; select pg_current_xact_id()::text as id' : ''}`;
    this.#begin(`isolation level ${isolation}`, rest, (result) => {
      this.#transaction = (one(result).rows[0] as { id?: string } | undefined)?.id;
    });
  }

  #begin(mode: string, rest = '', done?: (result: Result | readonly Result[]) => void): void {
    const { manner, standing } = this.#deps;
    this.#began = true;
    let path = '';
    if (standing.path !== manner.path) {
      // A rollback takes it back.
      this.#pathSet = manner.keepsPath;
      path = `; set ${manner.keepsPath ? '' : 'local '}search_path to ${manner.path}`;
    }
    this.#control(`begin ${mode}${path}${rest}`, done);
  }

  savepoint(): void {
    this.#control('savepoint level');
  }

  endSavepoint(keep: boolean): void {
    this.#control(keep ? 'release savepoint level' : 'rollback to savepoint level; release savepoint level');
  }

  async all(sql: string, values: Values): Promise<readonly Row[]> {
    const query = this.#query(sql, values);
    const alone = !this.#began;
    if (alone) this.#begin('read only');
    const answer = this.#answer(query, sql);
    if (alone) this.#control('commit', () => this.#keepPath());
    return (await answer).rows as readonly Row[];
  }

  async run(sql: string, values: Values): Promise<Changed> {
    return changed(await this.#answer(this.#query(sql, values), sql));
  }

  async commit(last: readonly Statement[]): Promise<void> {
    const { client, reached, settle } = this.#deps;
    let queries: readonly Query[];
    try {
      queries = last.map(([sql, ...values]) => this.#query(sql, values));
    } catch (error) {
      await this.rollback();
      throw error;
    }
    reached('store/commit/before');
    const stream = client.connection?.stream;
    stream?.cork?.();
    const answers = queries.map((query, index) => this.#answer(query, last[index]?.[0] as string));
    const committed = this.#send({ text: 'commit' });
    stream?.uncork?.();
    const [outcome, ...outcomes] = await Promise.allSettled([committed, ...answers]);
    if (outcome.status === 'rejected' && isLost(outcome.reason)) {
      await settle(this.#transaction, new Error((outcome.reason as Error).message));
    } else {
      const refused = outcomes.find(({ status }) => status === 'rejected');
      if (refused?.status === 'rejected') throw refused.reason;
      if (outcome.status === 'rejected') throw explained(outcome.reason, 'commit');
      if (one(outcome.value).command === 'ROLLBACK')
        throw new CommitFailed('the database rolled the transaction back instead of committing it: nothing of it is left');
      this.#committed();
    }
    reached('store/commit/after');
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
    this.#send({ text }).then(done, () => {});
  }

  #committed(): void {
    const { committed } = this.#deps;
    this.#keepPath();
    committed();
  }

  #keepPath(): void {
    const { manner, standing } = this.#deps;
    if (this.#pathSet) standing.path = manner.path;
  }

  #query(sql: string, values: Values): Query {
    const { manner } = this.#deps;
    try {
      const { sql: text, placeholders, fault, id } = textFor(sql);
      if (fault !== undefined) throw new TypeError(`the statement ${fault}`);
      if (placeholders !== values.length)
        throw new TypeError(`the statement has ${placeholders} placeholders and was given ${values.length} values`);
      const query = { text, values: values.map(toParameter), types: columnTypes };
      return manner.prepare && id !== undefined ? { ...query, name: `${manner.path} ${id} ${generation}` } : query;
    } catch (cause) {
      throw new StatementFailed(`${(cause as Error).message}, in: ${sql.replaceAll(/\s+/g, ' ').slice(0, 300)}`, { cause });
    }
  }

  async #answer(query: Query, sql: string): Promise<Result> {
    try {
      return one(await this.#send(query));
    } catch (error) {
      if (isStalePlan(error)) generation++;
      throw explained(error, sql);
    }
  }

  async #send(query: Query): Promise<Result | readonly Result[]> {
    const { client, met } = this.#deps;
    try {
      const result = await trackIo(client.query(query), ioAtMostMs);
      met();
      return result;
    } catch (error) {
      if (isLost(error)) this.#end();
      met(error);
      throw error;
    }
  }
}
