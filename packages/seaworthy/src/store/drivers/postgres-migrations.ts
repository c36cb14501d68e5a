import { hash } from 'node:crypto';
import { applyMigrations } from '../migrations.ts';
import type { Migration, Store } from '../store.ts';
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

/**
 * Applies migrations while no other process does, in the schema of the service, which is made when it is missing. The transaction is not
 * serializable: its view would be older than the lock.
 */
export const migratePostgres = (store: Store, schema: string, migrations: readonly Migration[]): Promise<void> =>
  store.transaction(
    async (tx) => {
      await tx.all('select pg_advisory_xact_lock(?)', lockOf(schema));
      const made = await tx.all('select 1 from pg_namespace where nspname = ?', schema);
      if (made.length === 0) await tx.run(`create schema ${quoted(schema)}`);
      await applyMigrations(tx, [{ name: 'seaworthy/postgres/1', statements: [isJson] }, ...migrations]);
    },
    { isolation: 'read committed' },
  );
