import type { ColumnTypes } from '../store/dialect.ts';
import type { Migration } from '../store/store.ts';

/** The tables of outbox, inbox, parked events and dead letters, for `store.migrate`. */
export const outboxMigrations: readonly Migration[] = [
  {
    name: 'seaworthy/outbox/1',
    statements: ({ types: { identity, integer, text }, tableOptions }) => [
      `create table sw_outbox (seq ${identity}, at ${integer} not null, envelope ${text} not null)${tableOptions}`,
      // Rows of other tables that are not events or that the bus refuses, unchanged.
      `create table sw_set_aside (seq ${identity}, origin ${text} not null, number ${integer} not null, at ${integer} not null,
        content ${text}, error ${text} not null)${tableOptions}`,
    ],
  },
  {
    name: 'seaworthy/inbox/1',
    statements: ({ types: { identity, integer, key, text }, tableOptions }) => [
      // `topic` and `position` tell whether the bus may redeliver the event.
      `create table sw_inbox (seq ${identity}, consumer ${key} not null, event ${key} not null, topic ${key} not null,
        position ${text} not null, at ${integer} not null, unique (consumer, event))${tableOptions}`,
      // Events that were in flight when a process died, until they have their mark.
      `create table sw_suspect (consumer ${key} not null, event ${key} not null, deaths ${integer} not null,
        primary key (consumer, event))${tableOptions}`,
      // The types that each process of a consumer subscribes to: the code of two processes may differ.
      `create table sw_subscription (consumer ${key} not null, type ${key} not null, owner ${key} not null,
        primary key (consumer, type, owner))${tableOptions}`,
    ],
  },
  {
    // `due` is null while an earlier event of the same key is parked. `owner` is the worker that attempts the event, and `crashes` the
    // number of such workers that died. `redriven` is 1 when an operator redrove the event, which is then handled although it may
    // have expired. A transaction that parks an event behind another one adds to the `followers` of that, so that the two transactions
    // meet which park the one and settle the other.
    name: 'seaworthy/parked/1',
    statements: ({ types, hotTableOptions, partialIndex }) => [
      `create table sw_parked (${eventOf(types)}, due ${types.integer}, owner ${types.key} not null, crashes ${types.integer} not null,
        redriven ${types.integer} not null, followers ${types.integer} not null default 0, unique (consumer, event))${hotTableOptions}`,
      'create index sw_parked_due on sw_parked (consumer, due)',
      // Events in flight. Keep this wording: SQLite matches it to the partial index.
      ...partialIndex({ name: 'sw_parked_owner', table: 'sw_parked', columns: 'owner', where: "owner <> ''", whole: 'owner' }),
      'create index sw_parked_key on sw_parked (consumer, topic, ordering_key, arrival)',
    ],
  },
  {
    name: 'seaworthy/dead-letter/1',
    statements: ({ types, tableOptions }) => [
      `create table sw_dead_letter (${eventOf(types)}, reason ${types.text} not null, error ${types.text} not null,
        unique (consumer, event))${tableOptions}`,
      'create index sw_dead_letter_type on sw_dead_letter (consumer, type, seq)',
      'create index sw_dead_letter_arrival on sw_dead_letter (arrival, seq)',
    ],
  },
];

/**
 * The columns of a stored event. Events of equal `topic` and `ordering_key` keep their order, by `arrival`, the number of their mark in
 * the inbox. `history` is a JSON array with an entry for each failed attempt.
 */
function eventOf({ identity, integer, key, text }: ColumnTypes): string {
  return `seq ${identity}, consumer ${key} not null, event ${key} not null, topic ${key} not null, ordering_key ${key} not null,
    type ${key} not null, arrival ${integer} not null, envelope ${text} not null, attempts ${integer} not null, history ${text} not null,
    at ${integer} not null`;
}
