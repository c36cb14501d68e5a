import { createHash } from 'node:crypto';
import { MigrationEdited } from './errors.ts';
import type { Migration, Tx } from './store.ts';

const fingerprint = (migration: Migration): string => createHash('sha256').update(migration.statements.join(';\n')).digest('base64url');

/** Applies in `tx` what has not been applied yet, in order. Throws `MigrationEdited` by name. */
export async function applyMigrations(tx: Tx, migrations: readonly Migration[]): Promise<void> {
  await tx.run('create table if not exists sw_migration (name text not null primary key, fingerprint text not null)');
  const applied = new Map((await tx.all('select name, fingerprint from sw_migration')).map((row) => [row['name'], row['fingerprint']]));
  for (const migration of migrations) {
    const known = applied.get(migration.name);
    if (known === fingerprint(migration)) continue;
    if (known !== undefined) {
      throw new MigrationEdited(
        `the migration ${migration.name} was edited after it had been applied: restore it, and put the change into a new one`,
      );
    }
    for (const statement of migration.statements) await tx.run(statement);
    await tx.run('insert into sw_migration (name, fingerprint) values (?, ?)', migration.name, fingerprint(migration));
  }
}
