import { hash } from 'node:crypto';
import { MigrationFailed, StatementFailed } from '../errors.ts';
import { applyMigrations } from '../migrations.ts';
import type { Migration, Store, Tx } from '../store.ts';
import { quoted } from './postgres-session.ts';

/** One number for each schema, for a lock that all processes know. */
const lockOf = (schema: string): bigint => hash('sha256', `seaworthy ${schema}`, 'buffer').readBigInt64BE();

/** PostgreSQL 16 has `is json`; before it only a cast knows, and a cast that fails loses the transaction. */
const isJson = `create function sw_is_json(candidate text) returns boolean language plpgsql immutable parallel safe as $body$
begin
  perform candidate::json;
  return true;
exception when others then
  return false;
end $body$`;

/** Whether the schema is there, and the table of applied migrations in it. */
const found = `select exists (select from pg_namespace where nspname = ?) as schema,
  exists (select from pg_tables where schemaname = ? and tablename = 'sw_migration') as begun`;

async function makeSchema(tx: Tx, schema: string): Promise<void> {
  try {
    await tx.run(`create schema ${quoted(schema)}`);
  } catch (cause) {
    if (!(cause instanceof StatementFailed)) throw cause;
    throw new MigrationFailed(
      `the schema ${schema} is missing and cannot be made (${cause.message}): make it as another role by \`create schema ${quoted(schema)} authorization\` and the name of this role`,
      { cause },
    );
  }
}

/**
 * Applies migrations while no other process does, in the schema of the service, which is made when it is missing. The transaction is not
 * serializable: its view would be older than the lock.
 */
export const migratePostgres = (store: Store, schema: string, migrations: readonly Migration[]): Promise<void> =>
  store.transaction(
    async (tx) => {
      await tx.all('select pg_advisory_xact_lock(?)', lockOf(schema));
      const [there] = await tx.all(found, schema, schema);
      if (there?.['schema'] !== true) await makeSchema(tx, schema);
      await applyMigrations(tx, [{ name: 'seaworthy/postgres/1', statements: [isJson] }, ...migrations], {
        begun: there?.['begun'] === true,
      });
    },
    { isolation: 'read committed' },
  );
