import type { Writable } from 'node:stream';
import pg from 'pg';
import { administer } from '../shared/postgres.ts';
import { type Placed, serveOutbox, tables } from './load.ts';

/** The same rows by hand: a relay that hands over in memory what it reads at once, and a subscriber with one transaction for all of it. */
const [, , url] = process.argv as unknown as readonly [string, string, string];
const batch = 512;

interface Event {
  readonly seq: string;
  readonly envelope: string;
}

await serveOutbox(async (handled) => {
  await administer(
    [
      ...tables,
      'create table outbox (seq bigint generated always as identity primary key, at bigint not null, envelope text not null)',
      'create table inbox (seq bigint generated always as identity, event text primary key, at bigint not null)',
    ],
    url,
  );
  const pool = new pg.Pool({ connectionString: url, max: 16, pipeline: true } as pg.PoolConfig);

  /** Runs statements in one transaction, in one write. */
  async function commit(...queries: readonly pg.QueryConfig[]): Promise<readonly pg.QueryResult[]> {
    const client = await pool.connect();
    try {
      const { stream } = (client as unknown as { readonly connection: { readonly stream: Writable } }).connection;
      stream.cork();
      const all = [{ text: 'begin' }, ...queries, { text: 'commit' }].map((query) => client.query(query));
      stream.uncork();
      return (await Promise.all(all)).slice(1, -1);
    } finally {
      client.release();
    }
  }

  async function handle(events: readonly Placed[]): Promise<void> {
    const ids = events.map(({ id }) => id);
    await commit(
      {
        name: 'mark',
        text: 'insert into inbox (event, at) select unnest($1::text[]), $2 on conflict (event) do nothing',
        values: [ids, Date.now()],
      },
      {
        name: 'effect',
        text: 'insert into seen (id, text) select * from unnest($1::text[], $2::text[]) on conflict (id) do nothing',
        values: [ids, events.map(({ text }) => text)],
      },
    );
    for (const id of ids) handled(id);
  }

  let relaying: Promise<void> | undefined;
  let again = false;
  async function relay(): Promise<void> {
    const { rows } = await pool.query<Event>({ name: 'read', text: `select seq, envelope from outbox order by seq limit ${batch}` });
    if (rows.length === 0) return;
    await handle(rows.map(({ envelope }) => JSON.parse(envelope) as Placed));
    await pool.query({ name: 'delete', text: 'delete from outbox where seq = any($1::bigint[])', values: [rows.map(({ seq }) => seq)] });
  }
  function wake(): void {
    again = true;
    relaying ??= (async () => {
      while (again) {
        again = false;
        await relay();
      }
      relaying = undefined;
    })();
  }

  return {
    async produce(event) {
      await commit(
        { name: 'place', text: 'insert into placed (id, text) values ($1, $2)', values: [event.id, event.text] },
        { name: 'publish', text: 'insert into outbox (at, envelope) values ($1, $2)', values: [Date.now(), JSON.stringify(event)] },
      );
      wake();
    },
    async stop() {
      await relaying;
      await pool.end();
    },
  };
});
