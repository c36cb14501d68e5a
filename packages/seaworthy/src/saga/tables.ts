import type { Migration, Store } from '../store/store.ts';

/** Of instances that are worked on: in these words, so that SQLite finds them by their index among many that have ended. */
export const live = "state in ('running', 'undoing')";

/** The tables of the journal, for `store.migrate`. */
export function sagaMigrations(_dialect: Store['dialect']): readonly Migration[] {
  return [
    {
      name: 'seaworthy/saga/1',
      statements: [
        // `journal` is a JSON array with an entry for each step that was begun, in order; see journal.ts.
        `create table sw_saga (
          id text not null primary key, name text not null, key text not null, plan text not null, input text not null,
          state text not null, journal text not null, cause text, stopping text, attempts integer not null, due bigint not null,
          error text, owner text not null, version integer not null default 0, started bigint not null, changed bigint not null, trace text, unique (name, key))`,
        `create index sw_saga_live on sw_saga (owner, due, id) where ${live}`,
        "create index sw_saga_stuck on sw_saga (changed) where state = 'stuck'",
      ],
    },
  ];
}
