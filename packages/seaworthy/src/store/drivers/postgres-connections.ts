import { type Condition, well } from '../../core/condition.ts';
import { trackIo } from '../../core/event-loop.ts';
import { StoreUnusable } from '../errors.ts';
import type { PostgresClient, PostgresPool } from './postgres-client.ts';
import { isLost } from './postgres-errors.ts';
import type { Standing } from './postgres-session.ts';
import { lifeOf } from './postgres-settle.ts';
import type { Lanes } from './remote-store.ts';
import { Slots } from './slots.ts';

/** A connection, and what is known of it. */
export interface Connected {
  readonly client: PostgresClient;
  readonly standing: Standing & { readonly life: string | undefined };
}

/** Shares `max` connections out to the lanes, one of them for listening. */
function lanesOf(max: number): Lanes {
  const own = max >= 10 ? 2 : 1;
  const read = Math.max(1, Math.floor(max / 5));
  return { own: new Slots(own), read: new Slots(read), shared: new Slots(Math.max(1, max - own - read - 1)) };
}

/** The fewest connections: one for each lane, and one for listening. */
export const fewest = 4;

/** The connections of one process to one server, which its services share. */
export class Connections {
  readonly lanes: Lanes;
  readonly #pool: PostgresPool;
  readonly #ends: boolean;
  readonly #standings = new WeakMap<PostgresClient, Connected['standing']>();
  #trouble: string | undefined;

  /** `ends`: the pool ends with it. */
  constructor(pool: PostgresPool, max: number, ends: boolean) {
    this.#pool = pool;
    this.#ends = ends;
    this.lanes = lanesOf(max);
    // A connection that breaks while nobody uses it is replaced by the pool.
    pool.on('error', (error) => this.met(error));
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
      client.on('error', (error) => this.met(error));
      const standing = { life: await trackIo(lifeOf(client)) };
      this.#standings.set(client, standing);
      this.met();
      return { client, standing };
    } catch (cause) {
      client?.release(true);
      this.met(cause);
      throw new StoreUnusable(
        `the database cannot be reached (${(cause as Error).message}): check that it runs, its address, user and password`,
        { cause },
      );
    }
  }

  /** Records an error, or a success. */
  met(error?: unknown): void {
    if (error === undefined) this.#trouble = undefined;
    else if (isLost(error)) this.#trouble = (error as Error).message;
  }

  condition(): Condition {
    return this.#trouble === undefined ? well : { state: 'failing', why: `its database cannot be reached: ${this.#trouble}` };
  }
}
