import { trackIo } from '../../core/event-loop.ts';
import { type Lanes, lanesOf, Reachability } from './lanes.ts';
import type { PostgresClient, PostgresPool } from './postgres-client.ts';
import { isTrouble } from './postgres-errors.ts';
import type { Standing } from './postgres-session.ts';
import { type Origin, originOf } from './postgres-settle.ts';

/** A connection, and what is known of it. */
export interface Connected {
  readonly client: PostgresClient;
  readonly standing: Standing & Origin;
}

/** The connections of one process to one server, which its services share. */
export class Connections {
  readonly lanes: Lanes;
  readonly reachability = new Reachability(isTrouble);
  readonly #pool: PostgresPool;
  readonly #ends: boolean;
  readonly #standings = new WeakMap<PostgresClient, Connected['standing']>();

  /** `ends`: the pool ends with it. */
  constructor(pool: PostgresPool, max: number, ends: boolean) {
    this.#pool = pool;
    this.#ends = ends;
    this.lanes = lanesOf(max);
    // A connection that breaks while nobody uses it is replaced by the pool.
    pool.on('error', (error) => this.reachability.met(error));
  }

  /** Ends the pool, unless others may use it. */
  async end(): Promise<void> {
    if (this.#ends) await this.#pool.end();
  }

  /** Rejects with `StoreUnusable` when the database cannot be reached. */
  async connect(): Promise<Connected> {
    let client: PostgresClient | undefined;
    try {
      client = await trackIo(this.#pool.connect());
      const known = this.#standings.get(client);
      if (known) return { client, standing: known };
      // While it is lent its pool does not listen, and an error without a listener ends the process.
      client.on('error', (error) => this.reachability.met(error));
      const standing = await trackIo(originOf(client));
      this.#standings.set(client, standing);
      return { client, standing };
    } catch (cause) {
      client?.release(true);
      throw this.reachability.unreachable(cause);
    }
  }
}
