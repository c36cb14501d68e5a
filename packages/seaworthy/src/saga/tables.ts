import type { Migration, Store } from '../store/store.ts';

/** Of instances that are worked on: in these words, so that SQLite finds them by their index among many that have ended. */
export const live = "state in ('running', 'undoing')";

/** Of instances that have not ended: in these words, too. */
export const open = "state in ('running', 'undoing', 'stuck')";

/** Of instances in no state that there is. */
export const lost = "state not in ('running', 'undoing', 'stuck', 'done', 'undone')";

/** The tables of the journal, for `store.migrate`. */
export function sagaMigrations(_dialect: Store['dialect']): readonly Migration[] {
  return [
    {
      name: 'seaworthy/saga/1',
      statements: [
        // `journal` is a JSON array with an entry for each step that was begun, in order; see journal.ts.
        `create table sw_saga (
          id text not null primary key, name text not null, saga_key text not null, plan text not null, input text not null,
          state text not null, journal text not null, cause text, stopping text, attempts integer not null, due bigint not null,
          error text, owner text not null, version integer not null default 0, started bigint not null, changed bigint not null,
          deadline bigint, until bigint, trace text, crashes integer not null default 0, unique (name, saga_key))`,
        `create index sw_saga_live on sw_saga (owner, due, id) where ${live}`,
        "create index sw_saga_late on sw_saga (owner, until) where state = 'running' and until is not null",
        "create index sw_saga_stopping on sw_saga (owner) where state = 'running' and stopping is not null",
        `create index sw_saga_plan on sw_saga (name, plan, id) where ${open}`,
        `create index sw_saga_lost on sw_saga (id) where ${lost}`,
        "create index sw_saga_stuck on sw_saga (changed) where state = 'stuck'",
      ],
    },
  ];
}
