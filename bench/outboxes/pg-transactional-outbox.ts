import { randomUUID } from 'node:crypto';
import pg from 'pg';
import {
  DatabaseSetup,
  getDisabledLogger,
  initializeMessageStorage,
  initializePollingMessageListener,
  type PollingListenerConfig,
  type TransactionalMessage,
} from 'pg-transactional-outbox';
import { administer } from '../shared/postgres.ts';
import { type Placed, serveOutbox, tables } from './load.ts';

/** Outbox and inbox of pg-transactional-outbox, which polls: here twenty times a second, for up to 100 messages, without order. */
const [, , url] = process.argv as unknown as readonly [string, string, string];
const logger = getDisabledLogger();
const batch = 100;
/** Full batches from the start: its default asks for one message a hundred times first. */
const strategies = { batchSizeStrategy: async () => batch };
const schema = 'public';

function configOf(outboxOrInbox: 'outbox' | 'inbox'): PollingListenerConfig {
  const database = { connectionString: url, max: 16 };
  return {
    outboxOrInbox,
    dbListenerConfig: database,
    dbHandlerConfig: database,
    settings: {
      dbSchema: schema,
      dbTable: outboxOrInbox,
      enableMaxAttemptsProtection: false,
      enablePoisonousMessageProtection: false,
      nextMessagesFunctionName: `next_${outboxOrInbox}_messages`,
      nextMessagesBatchSize: batch,
      nextMessagesPollingIntervalInMs: 50,
    },
  };
}

await serveOutbox(async (handled) => {
  await administer(tables, url);
  for (const outboxOrInbox of ['outbox', 'inbox'] as const) {
    const setup = {
      outboxOrInbox,
      database: new URL(url).pathname.slice(1),
      schema,
      table: outboxOrInbox,
      listenerRole: 'current_user',
      nextMessagesName: `next_${outboxOrInbox}_messages`,
    };
    await administer(
      [DatabaseSetup.dropAndCreateTable(setup), DatabaseSetup.createPollingFunction(setup), DatabaseSetup.setupPollingIndexes(setup)],
      url,
    );
  }
  const pool = new pg.Pool({ connectionString: url, max: 16 });
  const [outbox, inbox] = [configOf('outbox'), configOf('inbox')];
  const [store, receive] = [initializeMessageStorage(outbox, logger), initializeMessageStorage(inbox, logger)];
  const inTransaction = async (work: (client: pg.PoolClient) => Promise<unknown>): Promise<void> => {
    const client = await pool.connect();
    try {
      await client.query('begin');
      await work(client);
      await client.query('commit');
    } finally {
      client.release();
    }
  };
  const [stopOutbox] = initializePollingMessageListener(
    outbox,
    {
      // The lock of the row in the outbox is not the inbox's.
      handle: ({ lockedUntil: _, ...message }: TransactionalMessage) =>
        inTransaction((client) => receive(message as TransactionalMessage, client)),
    },
    logger,
    strategies,
  );
  const [stopInbox] = initializePollingMessageListener(
    inbox,
    {
      async handle({ payload }: TransactionalMessage, client) {
        const { id, text } = payload as Placed;
        await client.query({ name: 'effect', text: 'insert into seen (id, text) values ($1, $2)', values: [id, text] });
        // It commits as soon as this resolves: what is measured ends a little earlier than the commit.
        handled(id);
      },
    },
    logger,
    strategies,
  );
  return {
    produce: (event) =>
      inTransaction(async (client) => {
        await client.query({ name: 'place', text: 'insert into placed (id, text) values ($1, $2)', values: [event.id, event.text] });
        const message = {
          id: randomUUID(),
          aggregateType: 'order',
          messageType: 'placed',
          aggregateId: event.order,
          concurrency: 'parallel' as const,
        };
        await store({ ...message, payload: event, createdAt: new Date().toISOString() } as TransactionalMessage, client);
      }),
    async stop() {
      await stopOutbox();
      await stopInbox();
      await pool.end();
    },
  };
});
