import type { Migration, Store } from '../store/store.ts';

/** A column that numbers its rows in the order of their insertion, and never uses a number again. */
const serial = {
  sqlite: 'integer primary key autoincrement',
  postgres: 'bigint generated always as identity primary key',
} as const;

/** The tables of outbox, inbox, parked events and dead letters, for `store.migrate`. */
export function outboxMigrations(dialect: Store['dialect']): readonly Migration[] {
  const seq = `seq ${serial[dialect]}`;
  // `topic` and `key` say whose order an event keeps; `history` is a JSON array with an entry for each failed attempt.
  const event = `consumer text not null, event text not null, topic text not null, key text not null, type text not null,
    envelope text not null, attempts integer not null, history text not null, at bigint not null`;
  return [
    {
      name: 'seaworthy/outbox/1',
      statements: [`create table sw_outbox (${seq}, at bigint not null, envelope text not null)`],
    },
    {
      name: 'seaworthy/inbox/1',
      statements: [
        `create table sw_inbox (${seq}, consumer text not null, event text not null, at bigint not null, unique (consumer, event))`,
      ],
    },
    {
      // `due` is null while an earlier event of the same key is parked; `owner` is the worker that has it in hand.
      name: 'seaworthy/parked/1',
      statements: [
        `create table sw_parked (${seq}, ${event}, due bigint, owner text not null, unique (consumer, event))`,
        'create index sw_parked_due on sw_parked (consumer, due)',
        'create index sw_parked_key on sw_parked (consumer, topic, key, seq)',
      ],
    },
    {
      name: 'seaworthy/dead-letter/1',
      statements: [
        `create table sw_dead_letter (${seq}, ${event}, reason text not null, error text not null, unique (consumer, event))`,
        'create index sw_dead_letter_type on sw_dead_letter (consumer, type, seq)',
      ],
    },
  ];
}
