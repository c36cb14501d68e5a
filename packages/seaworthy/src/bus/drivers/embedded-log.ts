import { type Most, readSome, type Some } from '../../store/read-some.ts';
import type { Migration, Read, Store } from '../../store/store.ts';
import { keyHash } from '../key-hash.ts';
import type { Written } from '../options.ts';

/** Partitions of a topic, and so the number of processes that can share a group. */
export const partitions = 16;
export const isPartition = (part: number): boolean => Number.isInteger(part) && part >= 0 && part < partitions;

export const logMigrations: readonly Migration[] = [
  {
    name: 'seaworthy/bus/1',
    statements: ({ types: { identity, integer, key, text }, tableOptions }) => [
      `create table bus_log (
        position ${identity}, topic ${key} not null, part ${integer} not null, id ${key} not null, body ${text} not null,
        at ${integer} not null, broken ${integer} not null default 0, unique (topic, id))${tableOptions}`,
      'create index bus_log_topic on bus_log (topic, position)',
      // `owner` is the worker, whose heartbeat shows whether it lives; `member` is one of its subscriptions, and the fence.
      `create table bus_progress (
        topic ${key} not null, name ${key} not null, part ${integer} not null, position ${integer} not null, owner ${key} not null,
        member ${key} not null default '', primary key (topic, name, part))${tableOptions}`,
      `create table bus_member (
        topic ${key} not null, name ${key} not null, member ${key} not null, owner ${key} not null,
        primary key (topic, name, member))${tableOptions}`,
    ],
  },
];

/** The partition of a key, forever. */
export const partitionOf = (key: string): number => keyHash(key) % partitions;

/**
 * Appends events in order. An event that is in the log already is not appended again, but is kept as long as a new one: a relay that
 * publishes it a second time may do so a third time.
 */
export async function append(store: Store, topic: string, events: readonly Written[], now: number): Promise<void> {
  await store.transaction(async (tx) => {
    for (const { envelope, text } of events) {
      await tx.run(
        tx.dialect.upsert({ table: 'bus_log', columns: 'topic, part, id, body, at', key: 'topic, id', set: 'at' }),
        topic,
        partitionOf(envelope.partitionkey),
        envelope.id,
        text,
        now,
      );
    }
  });
}

export interface Logged {
  readonly position: number;
  readonly part: number;
  readonly body: string;
}

/** Reads the events after a position, in order. Positions grow in the order of commits, so that a late commit is never passed over. */
export async function readLog(store: Store, topic: string, after: number, most: Most): Promise<Some<Logged>> {
  const { rows, more } = await readSome(
    store.read,
    {
      columns: 'position, part, body',
      size: 'octet_length(body)',
      from: 'bus_log where topic = ? and position > ? order by position',
      values: [topic, after],
    },
    most,
  );
  return { rows: rows.map((row) => ({ position: Number(row['position']), part: Number(row['part']), body: String(row['body']) })), more };
}

/** Returns the position of the last event of a topic, or 0 for an empty topic. */
export async function lastPosition(read: Read, topic: string): Promise<number> {
  const [row] = await read.all('select max(position) as position from bus_log where topic = ?', topic);
  return Number(row?.['position'] ?? 0);
}

/** Returns those of the positions whose events a group may still be given. */
export async function pendingPositions(
  read: Read,
  topic: string,
  group: string,
  positions: readonly string[],
): Promise<ReadonlySet<string>> {
  const numbers = positions.map(Number).filter((position) => Number.isSafeInteger(position));
  if (numbers.length === 0) return new Set();
  const rows = await read.all(
    `select l.position from bus_log l left join bus_progress p on p.topic = l.topic and p.name = ? and p.part = l.part
      where l.topic = ? and l.position in (${numbers.map(() => '?').join(', ')}) and l.position > coalesce(p.position, 0)`,
    group,
    topic,
    ...numbers,
  );
  return new Set(rows.map((row) => String(row['position'])));
}

/** Marks rows that are not events. They are never pruned, so that an operator can read and correct them at any time. */
export async function keepBroken(store: Store, positions: readonly number[]): Promise<void> {
  await store.transaction(async (tx) => {
    for (const position of positions) await tx.run('update bus_log set broken = 1 where position = ?', position);
  });
}

/** Returns when the first event after a position was published; `undefined` when there is no such event. */
export async function firstAt(store: Store, topic: string, after: number): Promise<number | undefined> {
  const [row] = await store.read.all('select at from bus_log where topic = ? and position > ? order by position limit 1', topic, after);
  return row && Number(row['at']);
}

const pruneAtOnce = 1000;

/**
 * Deletes events from before `before` that every group of their topic has passed. The events that were appended last are kept, however
 * old they are: a relay that died before it deleted its rows publishes them again, and the log must recognise them.
 */
export async function prune(store: Store, before: number): Promise<number> {
  let pruned = 0;
  for (let topic = ''; ; ) {
    const [next] = await store.read.all('select min(topic) as topic from bus_log where topic > ?', topic);
    if (typeof next?.['topic'] !== 'string') return pruned;
    topic = next['topic'];
    const name = topic;
    for (let changes = pruneAtOnce; changes === pruneAtOnce; pruned += changes) {
      ({ changes } = await store.transaction((tx) =>
        tx.run(
          `delete from bus_log where at < ? and broken = 0 and position in (
            select position from bus_log
            where topic = ? and position <= coalesce((select min(position) from bus_progress where topic = ?), 9e15) and broken = 0
              and at <> (select at from bus_log where topic = ? order by position desc limit 1)
            order by position limit ${pruneAtOnce})`,
          before,
          name,
          name,
          name,
        ),
      ));
    }
  }
}
