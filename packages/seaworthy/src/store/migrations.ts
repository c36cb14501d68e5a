import { hash } from 'node:crypto';
import type { Dialect } from './dialect.ts';
import { MigrationEdited, MigrationFailed, StatementFailed } from './errors.ts';
import type { Migration, Statements, Tx } from './store.ts';

/** A migration in the dialect of one engine. */
export interface Written {
  readonly name: string;
  readonly statements: readonly string[];
}

const writtenIn =
  (dialect: Dialect) =>
  ({ name, statements }: Migration): Written => ({ name, statements: typeof statements === 'function' ? statements(dialect) : statements });

const fingerprint = (migration: Written): string => hash('sha256', migration.statements.join(';\n'), 'base64url');

/** What applies migrations: a transaction, or a connection where changes of tables commit by themselves. */
export type Migrator = Statements & Pick<Tx, 'dialect'>;

/** Checks what a migration did. Throws `MigrationFailed`. */
export type Verify = (migration: Written) => Promise<void>;

export interface Applying<T> {
  /** Whether the table of applied migrations is known to be there, so that a role needs no right to make it. Default false. */
  readonly begun?: boolean | undefined;
  /**
   * Called before the first migration; the function that it returns is called after each, and throws for damage that an engine would
   * silently accept. Default none.
   */
  readonly guard?: ((migrator: T) => Promise<Verify>) | undefined;
  /** Commits one migration and its record, where all of them are not one transaction. Default nothing. */
  readonly applied?: (() => Promise<void>) | undefined;
  /** Words what is left of a migration whose statement `index` was refused. Default nothing. */
  readonly leftAt?: ((migration: Written, index: number) => string) | undefined;
}

const nothing = (): string => 'nothing of it is left';

async function apply(migrator: Migrator, migration: Written, leftAt: (migration: Written, index: number) => string): Promise<void> {
  for (const [index, statement] of migration.statements.entries()) {
    try {
      await migrator.run(statement);
    } catch (cause) {
      if (!(cause instanceof StatementFailed)) throw cause;
      const left = leftAt(migration, index);
      throw new MigrationFailed(`the migration ${migration.name} was refused, ${left}: ${cause.message}`, { cause });
    }
  }
}

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

/** Applies the new migrations, in order. Throws `MigrationEdited` and `MigrationFailed`, which name the migration. */
export async function applyMigrations<T extends Migrator>(
  migrator: T,
  given: readonly Migration[],
  { begun = false, guard = async () => async () => {}, applied: commit = async () => {}, leftAt = nothing }: Applying<T> = {},
): Promise<void> {
  const migrations = given.map(writtenIn(migrator.dialect));
  refuseTwins(migrations);
  let verify: Verify | undefined;
  const { types, tableOptions } = migrator.dialect;
  if (!begun)
    await migrator.run(
      `create table if not exists sw_migration (name ${types.key} not null primary key, fingerprint ${types.text} not null)${tableOptions}`,
    );
  const rows = await migrator.all('select name, fingerprint from sw_migration');
  const applied = new Map(rows.map((row) => [row['name'], row['fingerprint']]));
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
    verify ??= await guard(migrator);
    await apply(migrator, migration, leftAt);
    await verify(migration);
    await migrator.run('insert into sw_migration (name, fingerprint) values (?, ?)', name, print);
    await commit();
    applied.set(name, print);
  }
}
