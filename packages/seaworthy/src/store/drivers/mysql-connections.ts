import { trackIo } from '../../core/event-loop.ts';
import { StoreUnusable } from '../errors.ts';
import type { Isolation } from '../store.ts';
import { type Lanes, lanesOf, Reachability } from './lanes.ts';
import type { MysqlClient, MysqlPool } from './mysql-client.ts';
import { collations, type Flavour } from './mysql-dialect.ts';
import { isTrouble, numberOf } from './mysql-errors.ts';
import { exchanged } from './remote-session.ts';
import { Slots } from './slots.ts';

/** Options of `mysql2` that the driver needs, for a pool that the user makes. */
export const poolOptions = {
  supportBigNumbers: true,
  dateStrings: true,
  jsonStrings: true,
  /** The server keeps 16,382 prepared statements for all connections, unless it is told otherwise. */
  maxPreparedStatements: 300,
  /** Stack traces of the caller, which cost as much as a small query. */
  trace: false,
} as const;

/** Flags of the protocol (https://dev.mysql.com/doc/dev/mysql-server/latest/group__group__cs__capabilities__flags.html). */
const [foundRows, multiStatements] = [2, 65536];

/** What is wrong with the options of a user's pool. */
function faultOf({ config }: MysqlClient): string | undefined {
  const flags = config?.['clientFlags'];
  if (!config || typeof flags !== 'number') return undefined;
  const missing = Object.entries(poolOptions).find(
    ([name, value]) => typeof value === 'boolean' && name in config && config[name] !== value,
  );
  if (missing) return `must be made with \`${missing[0]}: ${missing[1]}\`, as \`poolOptions\` has it`;
  if ((flags & foundRows) === 0) return 'must keep the flag FOUND_ROWS';
  return (flags & multiStatements) === 0 ? undefined : 'must not have `multipleStatements`';
}

/** The rules of SQL as the other engines have them: wrong values are refused, `||` joins texts, and a backslash is a character. */
const sqlMode = [
  'STRICT_ALL_TABLES',
  'NO_ZERO_IN_DATE',
  'NO_ZERO_DATE',
  'ERROR_FOR_DIVISION_BY_ZERO',
  'NO_ENGINE_SUBSTITUTION',
  'ONLY_FULL_GROUP_BY',
  'ANSI_QUOTES',
  'PIPES_AS_CONCAT',
  'NO_BACKSLASH_ESCAPES',
].join();

const unknownDatabase = 1049;

/** The first versions with a collation that counts spaces, with checks and with `skip locked`. */
const oldest: Readonly<Record<Flavour, readonly [number, number, number]>> = { mysql: [8, 0, 17], mariadb: [10, 6, 0] };

function flavourOf(version: string): Flavour {
  const flavour = /mariadb/i.test(version) ? 'mariadb' : 'mysql';
  const numbers = version.split(/[.-]/).map(Number);
  const least = oldest[flavour];
  const differs = least.findIndex((number, index) => numbers[index] !== number);
  if (differs >= 0 && !((numbers[differs] ?? 0) > (least[differs] as number)))
    throw new StoreUnusable(`the database has the version ${version}: it must be MySQL 8.0.17, MariaDB 10.6, or newer`);
  return flavour;
}

/** Quotes a name (https://dev.mysql.com/doc/refman/8.4/en/identifiers.html). */
export const quoted = (name: string): string => `\`${name.replaceAll('`', '``')}\``;

/** How a connection stands. A transaction begins by itself where `autocommit` is off. */
interface Standing {
  database: string | undefined;
  autocommit: boolean;
  isolation: Isolation | undefined;
}

/** What a connection is for. */
export interface Purpose {
  readonly database: string;
  /** `undefined` for queries outside of transactions. */
  readonly isolation: Isolation | undefined;
}

/** A connection, and what is known of it. */
export interface Connected {
  readonly client: MysqlClient;
  readonly flavour: Flavour;
  /** The server's number of it; `undefined` behind a proxy, which has numbers of its own. */
  readonly id: number | undefined;
  /** The most bytes of a statement and its values. */
  readonly largest: number;
  readonly standing: Standing;
}

/**
 * Returns the text under which a statement is prepared: the server prepares it for the database that is in use then, and the client knows
 * it by its text.
 */
export const preparedText = ({ standing }: Connected, sql: string): string => `${sql} /* ${encodeURIComponent(standing.database ?? '')} */`;

const beginsAs = ({ standing }: Connected, { isolation }: Purpose): boolean =>
  isolation === undefined ? standing.autocommit : !standing.autocommit && standing.isolation === isolation;

/** The number of statements that make a connection stand as it is needed. */
const changesOf = (connected: Connected, purpose: Purpose): number =>
  Number(connected.standing.database !== purpose.database) + Number(!beginsAs(connected, purpose));

/**
 * The connections of one process to one server, which its services share. It keeps them from the pool for as long as it is open, so that a
 * transaction finds one that stands as it needs it: the client sends one statement at a time, and each change would be an exchange more.
 */
export class Connections {
  readonly lanes: Lanes;
  readonly reachability = new Reachability(isTrouble);
  readonly #pool: MysqlPool;
  readonly #ends: boolean;
  readonly #max: number;
  readonly #all = new Set<Connected>();
  readonly #idle: Connected[] = [];
  /** The number of connections that exist or are being made. */
  #made = 0;
  /** For what the driver itself does beside the lanes. */
  readonly #beside = new Slots(1);
  readonly #kills = new Set<Promise<void>>();

  /** `ends`: the pool ends with it. */
  constructor(pool: MysqlPool, max: number, ends: boolean) {
    this.#pool = pool;
    this.#max = max;
    this.#ends = ends;
    this.lanes = lanesOf(max);
  }

  async end(): Promise<void> {
    await Promise.all(this.#kills);
    if (this.#ends) await this.#pool.end();
    // Their standing is of no use to others.
    else for (const connected of this.#all) this.release(connected, true);
  }

  /** Lends a connection that stands as it is needed. Rejects with `StoreUnusable` when the database cannot be reached. */
  async connect(purpose?: Purpose): Promise<Connected> {
    let connected = this.#take(purpose);
    try {
      connected ??= await this.#make();
      if (purpose) await this.adapt(connected, purpose);
      return connected;
    } catch (error) {
      if (connected) this.release(connected, true);
      if (error instanceof StoreUnusable) throw error;
      if (numberOf(error) === unknownDatabase)
        throw new StoreUnusable(`there is no database ${purpose?.database} yet: \`migrate\` makes it`, { cause: error });
      throw this.reachability.unreachable(error);
    }
  }

  /** Gives a connection back, or ends it. */
  release(connected: Connected, end = false): void {
    if (!this.#all.has(connected)) return;
    if (!end) return void this.#idle.push(connected);
    this.#forget(connected);
    connected.client.destroy();
  }

  /** Runs `work` on a connection beside those of the lanes. */
  async beside<V>(work: (connected: Connected) => Promise<V>): Promise<V> {
    const leave = await this.#beside.enter();
    try {
      const connected = await this.connect();
      try {
        const value = await work(connected);
        this.release(connected);
        return value;
      } catch (error) {
        this.release(connected, true);
        throw error;
      }
    } finally {
      leave();
    }
  }

  /**
   * Ends a connection, and what the server does for it: a server that waits for a lock, or calculates, does not notice that a client has
   * left. Nobody waits for it, and it may come too late.
   */
  kill(connected: Connected): void {
    this.release(connected, true);
    const { id } = connected;
    if (id === undefined) return;
    const killing = this.beside(({ client }) => client.query(`kill ${id}`)).then(
      () => {},
      // It has ended by itself, or the server cannot be reached and does nothing for anybody.
      () => {},
    );
    this.#kills.add(killing);
    void killing.then(() => this.#kills.delete(killing));
  }

  /** Takes a connection that stands as it is needed. Where there are no more to be made, it takes the one that is the easiest to change. */
  #take(purpose: Purpose | undefined): Connected | undefined {
    let best: { readonly at: number; readonly changes: number } | undefined;
    for (const [at, one] of this.#idle.entries()) {
      const changes = purpose ? changesOf(one, purpose) : 0;
      if (!best || changes < best.changes) best = { at, changes };
    }
    if (!best || (best.changes > 0 && this.#made < this.#max)) return undefined;
    return this.#idle.splice(best.at, 1)[0];
  }

  async #make(): Promise<Connected> {
    this.#made++;
    let client: MysqlClient | undefined;
    try {
      client = await trackIo(this.#pool.getConnection());
      const fault = faultOf(client);
      if (fault !== undefined) throw new StoreUnusable(`the pool ${fault}`);
      const [rows] = await exchanged(client.query('select connection_id() as id, version() as version, @@max_allowed_packet as largest'));
      const [{ id, version, largest = 0 } = {}] = rows as { id?: number; version?: string; largest?: number }[];
      const flavour = flavourOf(String(version));
      await exchanged(
        client.query(
          `set names utf8mb4 collate ${collations[flavour]}, time_zone = '+00:00', sql_mode = '${sqlMode}', max_error_count = 65535`,
        ),
      );
      const { threadId } = client as { threadId?: number };
      const standing: Standing = { database: undefined, autocommit: true, isolation: undefined };
      const connected: Connected = { client, flavour, id: threadId === id ? id : undefined, largest, standing };
      const forget = (error?: unknown): void => {
        if (error !== undefined) this.reachability.met(error);
        this.#forget(connected);
      };
      client.on('error', forget);
      client.on('end', () => forget());
      this.#all.add(connected);
      this.reachability.met();
      return connected;
    } catch (error) {
      this.#made--;
      client?.destroy();
      throw error;
    }
  }

  #forget(connected: Connected): void {
    if (!this.#all.delete(connected)) return;
    this.#made--;
    const at = this.#idle.indexOf(connected);
    if (at >= 0) this.#idle.splice(at, 1);
  }

  /** Makes a connection stand as it is needed. */
  async adapt(connected: Connected, purpose: Purpose): Promise<void> {
    const { client, flavour, standing } = connected;
    const { database, isolation } = purpose;
    const autocommit = isolation === undefined;
    if (!beginsAs(connected, purpose)) {
      const variable = flavour === 'mariadb' ? 'tx_isolation' : 'transaction_isolation';
      const level = isolation === undefined ? '' : `, ${variable} = '${isolation.toUpperCase().replace(' ', '-')}'`;
      await exchanged(client.query(`set autocommit = ${autocommit ? 1 : 0}${level}`));
      standing.autocommit = autocommit;
      standing.isolation = isolation ?? standing.isolation;
    }
    if (standing.database === database) return;
    await exchanged(client.query(`use ${quoted(database)}`));
    standing.database = database;
  }
}
