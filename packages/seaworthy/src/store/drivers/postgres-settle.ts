import type { Clock } from '../../core/clock.ts';
import { sleep } from '../../core/sleep.ts';
import { CommitUnknown } from '../errors.ts';
import type { PostgresClient, Result } from './postgres-client.ts';
import { sqlstateOf } from './postgres-errors.ts';
import { Again } from './remote-session.ts';

/**
 * Which life of the server this is. After a crash the server gives the ids of transactions whose commit it lost to others, so that the
 * status of an id says nothing about the one that had it before; statistics do not survive a crash, and say when they began.
 */
const life = `select pg_postmaster_start_time()::text || ' ' || coalesce(stats_reset::text, '') as life from pg_stat_bgwriter`;

/** What is known of a connection from its beginning. */
export interface Origin {
  /** The life of the server. */
  readonly life: string | undefined;
  /** Whether it is one to a pooler: then the process of the server is another than the client was told. */
  readonly pooled: boolean;
}

export async function originOf(client: PostgresClient): Promise<Origin> {
  const { rows } = (await client.query({ text: `select pg_backend_pid() as pid, (${life}) as life` })) as Result;
  const { pid, life: now } = rows[0] as { readonly pid: number; readonly life?: string | null };
  return { life: now ?? undefined, pooled: pid !== client.processID };
}

/** Returns the state of a transaction; `undefined` when the server has forgotten it. */
async function statusOf(client: PostgresClient, id: string): Promise<string | undefined> {
  try {
    const { rows } = (await client.query({ text: 'select pg_xact_status($1::xid8) as status', values: [id] })) as Result;
    return (rows[0] as { readonly status?: string | null }).status ?? undefined;
  } catch (error) {
    // In the future of a server that forgot it, as after a crash.
    if (sqlstateOf(error) === '22023') return 'aborted';
    throw error;
  }
}

interface Lost {
  /** The id of the transaction, if the server has told it. */
  readonly id: string | undefined;
  /** The life of the server that had the transaction. */
  readonly life: string | undefined;
  readonly cause: Error;
}

interface Context {
  readonly service: string;
  readonly clock: Clock;
  /** Makes a connection. */
  readonly connect: () => Promise<PostgresClient>;
}

/** The waits between questions, in milliseconds: some eight seconds in all. */
const waits = [0, 20, 50, 100, 250, 500, 1000, 2000, 4000];

/**
 * Finds out what became of a commit whose connection was lost (https://www.postgresql.org/docs/current/functions-info.html, `pg_xact_status`).
 * Resolves when it is there. Throws `Again` when nothing of it is left, and `CommitUnknown` when nobody can know.
 */
export async function settleCommit({ id, life: then, cause }: Lost, { service, clock, connect }: Context): Promise<void> {
  let why = 'the database has not said which transaction it was';
  for (const wait of id === undefined ? [] : waits) {
    await sleep(clock, wait);
    let client: PostgresClient | undefined;
    try {
      client = await connect();
      const status = await statusOf(client, id as string);
      const { life: now } = await originOf(client);
      client.release();
      client = undefined;
      if (status === 'aborted') throw new Again('connection', cause);
      if (status === 'committed' && now === then && then !== undefined) return;
      why = status === 'in progress' ? 'the database is still at it' : 'the database has restarted since';
      if (status !== 'in progress') break;
    } catch (error) {
      if (error instanceof Again) throw error;
      client?.release(true);
      why = `the database cannot be asked (${(error as Error).message})`;
    }
  }
  throw new CommitUnknown(
    `the connection to the database of ${service} was lost during a commit (${cause.message}), and ${why}: read again what it would have changed`,
    { cause },
  );
}
