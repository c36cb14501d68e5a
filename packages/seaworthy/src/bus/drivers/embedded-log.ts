import { type Most, readSome, type Some } from '../../store/read-some.ts';
import type { Migration, Read, Store } from '../../store/store.ts';
import { type Envelope, writeEnvelope } from '../envelope.ts';

/** Partitions of a topic: as many processes can share a group. */
export const partitions = 16;
export const isPartition = (part: number): boolean => Number.isInteger(part) && part >= 0 && part < partitions;

export const logMigrations: readonly Migration[] = [
  {
    name: 'seaworthy/bus/1',
    statements: [
      `create table bus_log (
        position integer primary key autoincrement, topic text not null, part integer not null, id text not null, body text not null,
        at bigint not null, broken integer not null default 0, unique (topic, id))`,
      'create index bus_log_topic on bus_log (topic, position)',
      `create table bus_progress (
        topic text not null, name text not null, part integer not null, position bigint not null, owner text not null,
        primary key (topic, name, part))`,
      'create table bus_member (topic text not null, name text not null, owner text not null, primary key (topic, name, owner))',
    ],
  },
  {
    // `owner` is the worker, by which one knows whether it lives; `member` is one subscription of it, and the fence.
    name: 'seaworthy/bus/2',
    statements: [
      "alter table bus_progress add column member text not null default ''",
      'drop table bus_member',
      `create table bus_member (
        topic text not null, name text not null, member text not null, owner text not null, primary key (topic, name, member))`,
    ],
  },
];

/** FNV-1a, 32 bits (http://www.isthe.com/chongo/tech/comp/fnv/): which partition a key belongs to, for ever. */
export function partitionOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < key.length; index++) hash = Math.imul(hash ^ key.charCodeAt(index), 0x01000193);
  return (hash >>> 0) % partitions;
}

/**
 * Appends in order; an event that is in the log already is not appended again, but kept as long as if it were new: who sends it
 * again may do so once more. Throws `EnvelopeInvalid` before anything is.
 */
export async function append(store: Store, topic: string, envelopes: readonly Envelope[], now: number): Promise<void> {
  const rows = envelopes.map((one) => ({ id: one.id, body: writeEnvelope(one), part: partitionOf(one.partitionkey) }));
  await store.transaction(async (tx) => {
    for (const { id, body, part } of rows) {
      await tx.run(
        'insert into bus_log (topic, part, id, body, at) values (?, ?, ?, ?, ?) on conflict (topic, id) do update set at = excluded.at',
        topic,
        part,
        id,
        body,
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

/** What comes after a position, in order. Positions grow in the order of commits: one that was not there is never passed over. */
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

/** The position of the last event of a topic; 0 when there is none. */
export async function lastPosition(read: Read, topic: string): Promise<number> {
  const [row] = await read.all('select max(position) as position from bus_log where topic = ?', topic);
  return Number(row?.['position'] ?? 0);
}

/** Which of these positions a group may still be given an event from. */
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

/** Keeps rows that are no events, so that they can be read and corrected whenever somebody comes to it. */
export async function keepBroken(store: Store, positions: readonly number[]): Promise<void> {
  await store.transaction(async (tx) => {
    for (const position of positions) await tx.run('update bus_log set broken = 1 where position = ?', position);
  });
}

/** When the first event after a position was published; `undefined` when there is none. */
export async function firstAt(store: Store, topic: string, after: number): Promise<number | undefined> {
  const [row] = await store.read.all('select at from bus_log where topic = ? and position > ? order by position limit 1', topic, after);
  return row && Number(row['at']);
}

const pruneAtOnce = 1000;

/**
 * Forgets what is older than `before` and was passed by every group of its topic; looks at no more rows than it must. What was
 * appended last is kept, however old: a relay that died before it deleted its rows will send that again, and it must be known here.
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
