import { hash } from 'node:crypto';
import type { Dialect } from './dialect.ts';
import { MigrationEdited, MigrationFailed, StatementFailed } from './errors.ts';
import type { Migration, Tx } from './store.ts';

/** A migration in the dialect of one engine. */
export interface Written {
  readonly name: string;
  readonly statements: readonly string[];
}

const writtenIn =
  (dialect: Dialect) =>
  ({ name, statements }: Migration): Written => ({ name, statements: typeof statements === 'function' ? statements(dialect) : statements });

const fingerprint = (migration: Written): string => hash('sha256', migration.statements.join(';\n'), 'base64url');

async function apply(tx: Tx, { name, statements }: Written): Promise<void> {
  for (const statement of statements) {
    try {
      await tx.run(statement);
    } catch (cause) {
      if (!(cause instanceof StatementFailed)) throw cause;
      throw new MigrationFailed(`the migration ${name} was refused, nothing of it is left: ${cause.message}`, { cause });
    }
  }
}

/** Checks what a migration did. Throws `MigrationFailed`. */
export type Verify = (migration: Written) => Promise<void>;

/** Refuses two different migrations of one name: the second would look like an edit of the first. */
function refuseTwins(migrations: readonly Written[]): void {
  const names = new Map<string, Written>();
  for (const migration of migrations) {
    const other = names.get(migration.name);
    names.set(migration.name, migration);
    if (other && fingerprint(other) !== fingerprint(migration))
      throw new MigrationFailed(`two different migrations are named ${migration.name}: give each a name of its own, nothing was applied`);
  }
}

/**
 * Applies the new migrations in `tx`, in order. `guard` is called before the first one, and the function that it returns after each: it
 * throws for damage that an engine would silently accept. Throws `MigrationEdited` and `MigrationFailed`, which name the migration.
 */
export async function applyMigrations(
  tx: Tx,
  given: readonly Migration[],
  guard: (tx: Tx) => Promise<Verify> = async () => async () => {},
): Promise<void> {
  const migrations = given.map(writtenIn(tx.dialect));
  refuseTwins(migrations);
  let verify: Verify | undefined;
  const { types, tableOptions } = tx.dialect;
  await tx.run(
    `create table if not exists sw_migration (name ${types.key} not null primary key, fingerprint ${types.text} not null)${tableOptions}`,
  );
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
    verify ??= await guard(tx);
    await apply(tx, migration);
    await verify(migration);
    await tx.run('insert into sw_migration (name, fingerprint) values (?, ?)', name, print);
    applied.set(name, print);
  }
}
