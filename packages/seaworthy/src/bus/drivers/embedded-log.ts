import type { Migration, Store, Tx } from '../../store/store.ts';
import type { Dead } from '../../store/worker.ts';
import { checkedEnvelope, type Envelope, parseEnvelope } from '../envelope.ts';

/** Partitions of a topic: as many processes can share a group. */
export const partitions = 16;

export const logMigrations: readonly Migration[] = [
  {
    name: 'bus/1',
    statements: [
      `create table bus_log (
        position integer primary key autoincrement, topic text not null, part integer not null, id text not null, body text not null,
        at bigint not null, unique (topic, id))`,
      'create index bus_log_topic on bus_log (topic, position)',
      `create table bus_progress (
        topic text not null, name text not null, part integer not null, position bigint not null, owner text not null,
        primary key (topic, name, part))`,
      'create table bus_member (topic text not null, name text not null, owner text not null, primary key (topic, name, owner))',
    ],
  },
];

/** FNV-1a, 32 bits (http://www.isthe.com/chongo/tech/comp/fnv/): which partition a key belongs to, for ever. */
export function partitionOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < key.length; index++) hash = Math.imul(hash ^ key.charCodeAt(index), 0x01000193);
  return (hash >>> 0) % partitions;
}

/** Appends in order; an event that is in the log already is not appended again. Throws `EnvelopeInvalid` before anything is. */
export async function append(store: Store, topic: string, envelopes: readonly Envelope[], now: number): Promise<void> {
  const rows = envelopes.map(
    (envelope) => [partitionOf(envelope.partitionkey), envelope.id, JSON.stringify(checkedEnvelope(envelope))] as const,
  );
  await store.transaction(async (tx) => {
    for (const [part, id, body] of rows) {
      await tx.run(
        'insert into bus_log (topic, part, id, body, at) values (?, ?, ?, ?, ?) on conflict (topic, id) do nothing',
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
  readonly envelope: Envelope;
}

export async function readLog(store: Store, topic: string, after: number, limit: number): Promise<readonly Logged[]> {
  const rows = await store.read.all(
    'select position, part, body from bus_log where topic = ? and position > ? order by position limit ?',
    topic,
    after,
    limit,
  );
  return rows.map((row) => ({
    position: Number(row['position']),
    part: Number(row['part']),
    envelope: parseEnvelope(String(row['body'])),
  }));
}

/** Who shares a group, and what of it belongs to whom. */
export interface Sharing {
  readonly topic: string;
  readonly group: string;
  readonly owner: string;
}

export async function join(store: Store, { topic, group, owner }: Sharing): Promise<void> {
  await store.transaction(async (tx) => {
    await tx.run(
      'insert into bus_member (topic, name, owner) values (?, ?, ?) on conflict (topic, name, owner) do nothing',
      topic,
      group,
      owner,
    );
    for (let part = 0; part < partitions; part++) {
      await tx.run(
        "insert into bus_progress (topic, name, part, position, owner) values (?, ?, ?, 0, '') on conflict (topic, name, part) do nothing",
        topic,
        group,
        part,
      );
    }
  });
}

/** The partitions that are this member's by right: each belongs to one of the living, in the order of their ids. */
async function share(tx: Tx, { topic, group, owner }: Sharing, dead: Dead): Promise<ReadonlySet<number>> {
  await tx.run(`delete from bus_member where topic = ? and name = ? and ${dead.sql}`, topic, group, ...dead.values);
  const rows = await tx.all('select owner from bus_member where topic = ? and name = ? order by owner', topic, group);
  const living = rows.map((row) => row['owner']);
  return new Set(Array.from({ length: partitions }, (_, part) => part).filter((part) => living[part % living.length] === owner));
}

export interface Share {
  /** Mine by right. */
  readonly mine: ReadonlySet<number>;
  /** Taken now, with where to go on. */
  readonly taken: ReadonlyMap<number, number>;
}

/** Takes what is this member's by right and free, or owned by the dead. */
export async function takeShare(store: Store, sharing: Sharing, dead: () => Dead): Promise<Share> {
  const { topic, group, owner } = sharing;
  return store.transaction(async (tx) => {
    const now = dead();
    const mine = await share(tx, sharing, now);
    const free = await tx.all(
      `select part, position from bus_progress where topic = ? and name = ? and (owner = '' or ${now.sql})`,
      topic,
      group,
      ...now.values,
    );
    const taken = new Map<number, number>();
    for (const row of free) {
      const part = Number(row['part']);
      if (!mine.has(part)) continue;
      await tx.run('update bus_progress set owner = ? where topic = ? and name = ? and part = ?', owner, topic, group, part);
      taken.set(part, Number(row['position']));
    }
    return { mine, taken };
  });
}

/** Saves how far this member is with a partition. False when it is its own no more. */
export async function saveProgress(
  tx: Tx,
  { topic, group, owner }: Sharing,
  part: number,
  position: number,
  keep: boolean,
): Promise<boolean> {
  const { changes } = await tx.run(
    'update bus_progress set position = ?, owner = ? where topic = ? and name = ? and part = ? and owner = ?',
    position,
    keep ? owner : '',
    topic,
    group,
    part,
    owner,
  );
  return changes > 0;
}

export async function leave(tx: Tx, { topic, group, owner }: Sharing): Promise<void> {
  await tx.run('delete from bus_member where topic = ? and name = ? and owner = ?', topic, group, owner);
}

/** Forgets what is older than `before` and known to every group of its topic. */
export async function prune(store: Store, before: number): Promise<void> {
  await store.transaction((tx) =>
    tx.run(
      `delete from bus_log where position in (
        select position from bus_log l where at < ?
          and not exists (select 1 from bus_progress p where p.topic = l.topic and p.part = l.part and p.position < l.position)
        order by position limit 5000)`,
      before,
    ),
  );
}
