import { StoreTaken } from './errors.ts';
import type { Migration, Read, Store } from './store.ts';

/** The owner of a database: one service, or the log of a bus. */
export interface Owner {
  readonly kind: 'service' | 'bus';
  readonly name: string;
}

const migrations: readonly Migration[] = [
  {
    name: 'seaworthy/owner/1',
    statements: ({ types, tableOptions }) => [
      `create table sw_owner (one ${types.integer} not null primary key, kind ${types.text} not null, name ${types.text} not null)${tableOptions}`,
    ],
  },
];

const describe = ({ kind, name }: { readonly kind: unknown; readonly name: unknown }): string =>
  kind === 'bus' ? 'the log of a bus' : `the service ${name}`;

/**
 * Records the owner of a database, before anything else is written there. Throws `StoreTaken` when the database has another owner:
 * two services that share one would relay each other's events, and answer each other's keys.
 */
export async function claimStore(store: Store<unknown, unknown>, owner: Owner): Promise<void> {
  await store.migrate(migrations);
  const found = async (read: Read) => (await read.all('select kind, name from sw_owner'))[0];
  const row =
    (await found(store.sqlRead)) ??
    (await store.transaction(async (tx) => {
      const statements = store.sql(tx);
      await statements.run(
        statements.dialect.insertNew({ table: 'sw_owner', columns: 'one, kind, name', key: 'one' }),
        1,
        owner.kind,
        owner.name,
      );
      return found(statements);
    }));
  if (!row || (row['kind'] === owner.kind && row['name'] === owner.name)) return;
  const theirs = describe({ kind: row['kind'], name: row['name'] });
  throw new StoreTaken(
    `the database given to ${describe(owner)} is that of ${theirs}: give each a database of its own. If ${theirs} was renamed, say so in its table sw_owner`,
  );
}
