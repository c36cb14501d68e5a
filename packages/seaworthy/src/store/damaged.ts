import type { Runtime } from '../core/runtime.ts';
import { RowDamaged } from './errors.ts';
import type { Row } from './store.ts';

/** Returns what `read` makes of a row. When `read` throws, it throws `RowDamaged`, which names the row. */
export function readable<V>(table: string, name: string, read: () => V): V {
  try {
    return read();
  } catch (cause) {
    throw new RowDamaged(`the row ${name} of ${table} cannot be read: correct it or delete it`, { cause });
  }
}

/** The rows of one table that cannot be read. Each is reported once by name and left aside, so that the others go on. */
export interface Aside {
  /** The number of rows left aside. A query with a limit reads so many more rows. */
  readonly size: number;
  /** Returns the rows that can be read, in their order. */
  read<V>(rows: readonly Row[], nameOf: (row: Row) => string, read: (row: Row) => V): readonly V[];
}

export function aside(table: string, { observe }: Runtime): Aside {
  const reported = new Set<string>();
  return {
    get size() {
      return reported.size;
    },
    read(rows, nameOf, read) {
      return rows.flatMap((row) => {
        const name = nameOf(row);
        try {
          const value = readable(table, name, () => read(row));
          reported.delete(name);
          return [value];
        } catch (error) {
          if (!reported.has(name)) {
            observe.count('seaworthy_store_damaged_total', { table });
            observe.log('error', 'a row cannot be read and is left aside: correct it or delete it', { table, row: name, error });
          }
          reported.add(name);
          return [];
        }
      });
    },
  };
}
