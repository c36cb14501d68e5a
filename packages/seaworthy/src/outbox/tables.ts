import type { Migration, Store } from '../store/store.ts';

/** A column that numbers its rows in the order of their insertion, and never uses a number again. */
const serial = {
  sqlite: 'integer primary key autoincrement',
  postgres: 'bigint generated always as identity primary key',
} as const;

/** The tables of outbox, inbox, parked events and dead letters, for `store.migrate`. */
export function outboxMigrations(dialect: Store['dialect']): readonly Migration[] {
  const seq = `seq ${serial[dialect]}`;
  // `topic` and `key` say whose order an event keeps, `arrival` its place in it: the number of its mark in the inbox.
  // `history` is a JSON array with an entry for each failed attempt.
  const event = `consumer text not null, event text not null, topic text not null, ordering_key text not null, type text not null,
    arrival bigint not null, envelope text not null, attempts integer not null, history text not null, at bigint not null`;
  return [
    {
      name: 'seaworthy/outbox/1',
      statements: [
        `create table sw_outbox (${seq}, at bigint not null, envelope text not null)`,
        // Rows of other tables that are no events, as they were.
        `create table sw_set_aside (${seq}, origin text not null, number bigint not null, at bigint not null, content text, error text not null)`,
      ],
    },
    {
      name: 'seaworthy/inbox/1',
      statements: [
        // `topic` and `position` say whether the bus may deliver the event once more.
        `create table sw_inbox (${seq}, consumer text not null, event text not null, topic text not null, position text not null,
          at bigint not null, unique (consumer, event))`,
        // Events with which in hand processes may have died, until they are taken.
        'create table sw_in_hand (consumer text not null, event text not null, deaths integer not null, primary key (consumer, event))',
        // What each process of a consumer subscribes to: two of different code may run at one time.
        'create table sw_subscription (consumer text not null, type text not null, owner text not null, primary key (consumer, type, owner))',
      ],
    },
    {
      // `due` is null while an earlier event of the same key is parked; `owner` is the worker that has it in hand, `crashes` how
      // many such workers died. `redriven` is 1 when somebody decided that it shall be handled, however late.
      name: 'seaworthy/parked/1',
      statements: [
        `create table sw_parked (${seq}, ${event}, due bigint, owner text not null, crashes integer not null, redriven integer not null,
          unique (consumer, event))`,
        'create index sw_parked_due on sw_parked (consumer, due)',
        'create index sw_parked_key on sw_parked (consumer, topic, ordering_key, arrival, seq)',
      ],
    },
    {
      name: 'seaworthy/dead-letter/1',
      statements: [
        `create table sw_dead_letter (${seq}, ${event}, reason text not null, error text not null, unique (consumer, event))`,
        'create index sw_dead_letter_type on sw_dead_letter (consumer, type, seq)',
        'create index sw_dead_letter_arrival on sw_dead_letter (arrival, seq)',
      ],
    },
  ];
}
