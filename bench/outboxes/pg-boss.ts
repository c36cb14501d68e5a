import pg from 'pg';
import { type Job, PgBoss } from 'pg-boss';
import { administer } from '../shared/postgres.ts';
import { type Placed, serveOutbox, tables } from './load.ts';

/** A queue of pg-boss, which wakes its workers by a notice. A worker takes up to 64 jobs and writes their rows in one transaction. */
const [, , url] = process.argv as unknown as readonly [string, string, string];

await serveOutbox(async (handled) => {
  await administer(tables, url);
  const pool = new pg.Pool({ connectionString: url, max: 16 });
  const boss = new PgBoss({ connectionString: url, max: 16, useListenNotify: true });
  boss.on('error', (error) => process.stderr.write(`${error.message}\n`));
  await boss.start();
  await boss.createQueue('placed', { notify: true });
  const options = {
    batchSize: 64,
    localConcurrency: 2,
    burstWhenBatchFull: true,
    pollingIntervalSeconds: 0.5,
    notifyPollingIntervalSeconds: 0.5,
  };
  await boss.work('placed', options, async (jobs: Job<Placed>[]) => {
    const text = 'insert into seen (id, text) select * from unnest($1::text[], $2::text[]) on conflict (id) do nothing';
    await pool.query({ name: 'effect', text, values: [jobs.map(({ data }) => data.id), jobs.map(({ data }) => data.text)] });
    for (const { data } of jobs) handled(data.id);
  });
  return {
    async produce(event) {
      const client = await pool.connect();
      try {
        await client.query('begin');
        await client.query({ name: 'place', text: 'insert into placed (id, text) values ($1, $2)', values: [event.id, event.text] });
        await boss.send('placed', event, { db: { executeSql: (text, values) => client.query(text, values) } });
        await client.query('commit');
      } finally {
        client.release();
      }
    },
    async stop() {
      await boss.stop({ graceful: false });
      await pool.end();
    },
  };
});
