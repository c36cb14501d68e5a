import { hash } from 'node:crypto';
import { MigrationEdited, MigrationFailed, StatementFailed } from './errors.ts';
import type { Migration, Tx } from './store.ts';

const fingerprint = (migration: Migration): string => hash('sha256', migration.statements.join(';\n'), 'base64url');

async function apply(tx: Tx, { name, statements }: Migration): Promise<void> {
  for (const statement of statements) {
    try {
      await tx.run(statement);
    } catch (cause) {
      if (!(cause instanceof StatementFailed)) throw cause;
      throw new MigrationFailed(`the migration ${name} was refused, nothing of it is left: ${cause.message}`, { cause });
    }
  }
}

/** Applies in `tx` what has not been applied yet, in order. Throws `MigrationEdited` and `MigrationFailed` by name. */
export async function applyMigrations(tx: Tx, migrations: readonly Migration[]): Promise<void> {
  await tx.run('create table if not exists sw_migration (name text not null primary key, fingerprint text not null)');
  const applied = new Map((await tx.all('select name, fingerprint from sw_migration')).map((row) => [row['name'], row['fingerprint']]));
  for (const migration of migrations) {
    const { name } = migration;
    const print = fingerprint(migration);
    const known = applied.get(name);
    if (known === print) continue;
    if (known !== undefined) {
      throw new MigrationEdited(
        `the migration ${name} was edited after it had been applied: restore it, and put the change into a new one`,
      );
    }
    await apply(tx, migration);
    await tx.run('insert into sw_migration (name, fingerprint) values (?, ?)', name, print);
    applied.set(name, print);
  }
}
