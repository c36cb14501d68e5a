import { hash } from 'node:crypto';
import { isA } from '../../core/thrown.ts';
import type { Dialect } from '../dialect.ts';
import { StatementFailed, StoreUnusable } from '../errors.ts';
import { applyMigrations, type Migrator, type Written } from '../migrations.ts';
import { allBy } from '../read-by.ts';
import { refusalOf } from '../statement-name.ts';
import type { Migration, Row, Values } from '../store.ts';
import type { Field, Header } from './mysql-client.ts';
import { type Connected, type Connections, preparedText, quoted } from './mysql-connections.ts';
import { collations } from './mysql-dialect.ts';
import { explained } from './mysql-errors.ts';
import { commitsByItself, hasColumnReference, migrationSyntax } from './mysql-syntax.ts';
import { rowsOf, toParameter } from './mysql-values.ts';
import { Again, exchanged } from './remote-session.ts';
import { bound, textOf } from './statement-text.ts';

/** One name for each database, for a lock that all processes on the server know. A name has at most 64 characters. */
const lockOf = (database: string): string => `seaworthy ${hash('sha256', database, 'base64url')}`;

/** Runs the statements of migrations on a connection, and counts those that a rollback would take back. */
class Migrating implements Migrator {
  readonly dialect: Dialect;
  readonly #connected: Connected;
  #pending = 0;

  constructor(connected: Connected, dialect: Dialect) {
    this.#connected = connected;
    this.dialect = dialect;
  }

  readonly all: Migrator['all'] = allBy(async (sql, values): Promise<readonly Row[]> => {
    const [rows, fields] = await this.#send(sql, values);
    return rowsOf(rows as Record<string, unknown>[], fields as Field[]);
  });

  async run(sql: string, ...values: Values): Promise<{ readonly changes: number }> {
    const [result] = await this.#send(sql, values);
    this.#pending++;
    if (commitsByItself(sql)) await this.commit();
    return { changes: (result as Header).affectedRows ?? 0 };
  }

  async runAll(statements: Parameters<Migrator['runAll']>[0]): Promise<readonly { readonly changes: number }[]> {
    const all = [];
    for (const [sql, ...values] of statements) all.push(await this.run(sql, ...values));
    return all;
  }

  async commit(): Promise<void> {
    await exchanged(this.#connected.client.query('commit'));
    this.#pending = 0;
  }

  left({ statements }: Written, index: number): string {
    const kept = index - this.#pending;
    return kept === 0
      ? 'nothing of it is left'
      : `its first ${kept} of ${statements.length} statements stay, since the database commits each change of a table by itself (undo them by hand, or edit the migration so that it goes on after them)`;
  }

  async #send(sql: string, values: Values): Promise<[unknown, unknown]> {
    const { client } = this.#connected;
    const text = textOf(sql, migrationSyntax);
    const parameters = bound(text, sql, values, toParameter);
    if (hasColumnReference(sql))
      throw new StatementFailed(refusalOf('MySQL ignores a reference of a column: write `foreign key (...) references ...`', sql));
    try {
      // What was done before it is committed also if it fails.
      if (commitsByItself(sql)) await this.commit();
      return await exchanged(
        parameters.length === 0 ? client.query(text.sql) : client.execute(preparedText(this.#connected, text.sql), parameters),
      );
    } catch (error) {
      throw explained(error, sql);
    }
  }
}

interface Place {
  readonly connections: Connections;
  readonly database: string;
  readonly dialect: Dialect;
}

async function migrate({ connections, database, dialect }: Place, connected: Connected, migrations: readonly Migration[]): Promise<void> {
  const { client, flavour } = connected;
  const rows = async (sql: string): Promise<Record<string, unknown>[]> =>
    (await exchanged(client.query(sql)))[0] as Record<string, unknown>[];
  const named = `'${database.replaceAll("'", "''")}'`;
  const made = await rows(`select 1 as made from information_schema.schemata where schema_name = ${named}`);
  if (made.length === 0)
    await rows(`create database if not exists ${quoted(database)} character set utf8mb4 collate ${collations[flavour]}`);
  await connections.adapt(connected, { database, isolation: 'read committed' });
  const lock = lockOf(database);
  while ((await rows(`select get_lock('${lock}', 10) as got`))[0]?.['got'] !== 1);
  const migrating = new Migrating(connected, dialect);
  // After an error the connection ends, and with it the lock and what was not committed.
  await applyMigrations(migrating, migrations, {
    applied: () => migrating.commit(),
    leftAt: (migration, index) => migrating.left(migration, index),
  });
  await rows(`select release_lock('${lock}')`);
}

/**
 * Applies migrations while no other process does, in the database of the service, which is made when it is missing. Each is committed with
 * its record.
 */
export async function migrateMysql(place: Place, migrations: readonly Migration[]): Promise<void> {
  let failure: unknown;
  await place.connections.beside((connected) => migrate(place, connected, migrations)).catch((error: unknown) => (failure = error));
  if (failure === undefined) return;
  if (!isA(failure, Again)) throw failure;
  throw new StoreUnusable(`the migrations of ${place.database} met others or lost their connection: start again`, { cause: failure.cause });
}
