import { Logger, run } from 'graphile-worker';
import pg from 'pg';
import { administer } from '../shared/postgres.ts';
import { type Placed, serveOutbox, tables } from './load.ts';

/** A task of graphile-worker, which wakes by a notice: 32 jobs at one time, fetched and completed in batches. */
const [, , url] = process.argv as unknown as readonly [string, string, string];
const quiet = new Logger(() => () => {});

await serveOutbox(async (handled) => {
  await administer(tables, url);
  const pool = new pg.Pool({ connectionString: url, max: 16 });
  const runner = await run({
    connectionString: url,
    noHandleSignals: true,
    logger: quiet,
    preset: { worker: { concurrentJobs: 32, maxPoolSize: 16, localQueue: { size: 64 }, completeJobBatchDelay: 0 } },
    taskList: {
      async placed(payload) {
        const { id, text } = payload as Placed;
        const insert = 'insert into seen (id, text) values ($1, $2) on conflict (id) do nothing';
        await pool.query({ name: 'effect', text: insert, values: [id, text] });
        handled(id);
      },
    },
  });
  return {
    async produce(event) {
      const client = await pool.connect();
      try {
        await client.query('begin');
        await client.query({ name: 'place', text: 'insert into placed (id, text) values ($1, $2)', values: [event.id, event.text] });
        const add = `select graphile_worker.add_job('placed', $1::json)`;
        await client.query({ name: 'publish', text: add, values: [JSON.stringify(event)] });
        await client.query('commit');
      } finally {
        client.release();
      }
    },
    async stop() {
      await runner.stop();
      await pool.end();
    },
  };
});
