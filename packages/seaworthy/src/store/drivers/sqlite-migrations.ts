import { MigrationFailed, StatementFailed } from '../errors.ts';
import { applyMigrations, type Verify, type Written } from '../migrations.ts';
import type { Migration, Row, Tx } from '../store.ts';

/** The number of rows of `child` that refer to a missing row of `parent`. */
interface Broken {
  readonly child: string;
  readonly parent: string;
  readonly rows: number;
}

/**
 * Returns the dangling references. A reference to a missing table counts even if its own table is empty. Where SQLite cannot check a
 * reference, since it does not match a key of the other table, SQLite's message is returned.
 */
async function brokenReferences(tx: Tx): Promise<ReadonlyMap<string, Broken> | string> {
  let rows: readonly Row[];
  try {
    rows = await tx.savepoint(() =>
      tx.all(
        `select "table" as child, parent, count(*) as n from pragma_foreign_key_check group by 1, 2
        union all
        select s.name, f."table", 1 from sqlite_schema s, pragma_foreign_key_list(s.name) f
          where s.type = 'table' and not exists (select 1 from sqlite_schema p where p.type = 'table' and lower(p.name) = lower(f."table"))`,
      ),
    );
  } catch (error) {
    if (error instanceof StatementFailed) return error.message;
    throw error;
  }
  const all = new Map<string, Broken>();
  for (const row of rows) {
    const [child, parent] = [String(row['child']), String(row['parent'])];
    const key = JSON.stringify([child, parent]);
    all.set(key, { child, parent, rows: (all.get(key)?.rows ?? 0) + Number(row['n']) });
  }
  return all;
}

const rule = 'foreign keys do not act in a migration (no cascade, no `set null`), and are checked after it';

/** Returns the indexes and triggers that were created by a statement, with their tables. */
const made = (tx: Tx): Promise<readonly Row[]> =>
  tx.all("select name, type, tbl_name from sqlite_schema where type in ('index', 'trigger') and sql is not null");

/** Finds an index or trigger that was dropped with its table although the table exists again: the migration did not drop it by name. */
async function lost(tx: Tx, before: readonly Row[], { statements }: Written): Promise<string | undefined> {
  const now = await tx.all('select name, type from sqlite_schema');
  const is = (name: unknown, type: unknown): boolean =>
    now.some((row) => row['type'] === type && String(row['name']).toLowerCase() === String(name).toLowerCase());
  const gone = before.find(({ name, type, tbl_name: table }) => {
    if (is(name, type) || !is(table, 'table')) return false;
    const dropped = (text: string): boolean => /^\s*drop\s/i.test(text) && text.toLowerCase().includes(String(name).toLowerCase());
    return !statements.some(dropped);
  });
  return gone && `it rebuilds ${gone['tbl_name']} without its ${gone['type']} ${gone['name']}: create it again, or drop it by name`;
}

/** Checks references, indexes and triggers after a migration. References that were broken before do not stop it. */
async function guard(tx: Tx): Promise<Verify> {
  let before = await brokenReferences(tx);
  let objects = await made(tx);
  const wrong = async (migration: Written): Promise<string | undefined> => {
    const after = await brokenReferences(tx);
    const known = before;
    before = after;
    if (typeof after === 'string') return after === known ? undefined : `${rule}, which said: ${after}`;
    if (typeof known === 'string') return undefined;
    for (const [key, { child, parent, rows }] of after)
      if (rows > (known.get(key)?.rows ?? 0))
        return `it leaves ${child} with references to what is not in ${parent}; ${rule}: change ${child} in the same migration`;
    return lost(tx, objects, migration);
  };
  return async (migration) => {
    const fault = await wrong(migration);
    if (fault) throw new MigrationFailed(`the migration ${migration.name} was refused, nothing of it is left: ${fault}`);
    objects = await made(tx);
  };
}

/**
 * Applies migrations on a connection whose foreign keys are off, as a table can only be rebuilt so: with them on, the `drop`
 * deletes the rows that refer to it (https://sqlite.org/lang_altertable.html#otheralter).
 */
export const migrateSqlite = (tx: Tx, migrations: readonly Migration[]): Promise<void> => applyMigrations(tx, migrations, { guard });
