import type { Migration } from '../store/store.ts';

/** Of instances that are worked on: in these words, so that SQLite finds them by their index among many that have ended. */
export const live = "state in ('running', 'undoing')";

/** Of instances that have not ended: in these words, too. */
export const open = "state in ('running', 'undoing', 'stuck')";

/** Of instances in no state that there is. */
export const lost = "state not in ('running', 'undoing', 'stuck', 'done', 'undone')";

/** The tables of the journal, for `store.migrate`. */
export const sagaMigrations: readonly Migration[] = [
  {
    name: 'seaworthy/saga/1',
    statements: ({ types: { integer, key, text }, tableOptions, partialIndex }) => [
      // `journal` is a JSON array with an entry for each step that was begun, in order; see journal.ts.
      `create table sw_saga (
        id ${key} not null primary key, name ${key} not null, saga_key ${key} not null, plan ${key} not null, input ${text} not null,
        state ${key} not null, journal ${text} not null, cause ${text}, stopping ${text}, attempts ${integer} not null,
        due ${integer} not null, error ${text}, owner ${key} not null, version ${integer} not null default 0,
        started ${integer} not null, changed ${integer} not null, deadline ${integer}, until ${integer}, trace ${text},
        crashes ${integer} not null default 0, unique (name, saga_key))${tableOptions}`,
      `create index sw_saga_live on sw_saga (owner, due, id)${partialIndex(live)}`,
      `create index sw_saga_late on sw_saga (owner, until)${partialIndex("state = 'running' and until is not null")}`,
      `create index sw_saga_stopping on sw_saga (owner)${partialIndex("state = 'running' and stopping is not null")}`,
      `create index sw_saga_plan on sw_saga (name, plan, id)${partialIndex(open)}`,
      `create index sw_saga_lost on sw_saga (id)${partialIndex(lost)}`,
      `create index sw_saga_stuck on sw_saga (changed)${partialIndex("state = 'stuck'")}`,
    ],
  },
];
