import type { Store, Tx } from '../../store/store.ts';
import type { Worker } from '../../store/worker.ts';
import { partitions } from './embedded-log.ts';

/** One member's place in a group. */
export interface Place {
  readonly topic: string;
  readonly group: string;
  /** Unique to one subscription of one process. Every write of progress asks for it: that is the fence. */
  readonly member: string;
  /** By which others know whether its process lives. */
  readonly worker: Worker;
}

async function enter(tx: Tx, { topic, group, member, worker }: Place): Promise<void> {
  await tx.run(
    'insert into bus_member (topic, name, member, owner) values (?, ?, ?, ?) on conflict (topic, name, member) do nothing',
    topic,
    group,
    member,
    worker.id,
  );
}

/** Registers the group, at the earliest event, and the member in it. */
export async function join(store: Store, place: Place): Promise<void> {
  await store.transaction(async (tx) => {
    await enter(tx, place);
    for (let part = 0; part < partitions; part++) {
      await tx.run(
        "insert into bus_progress (topic, name, part, position, owner) values (?, ?, ?, 0, '') on conflict (topic, name, part) do nothing",
        place.topic,
        place.group,
        part,
      );
    }
  });
}

/** The partitions that are this member's by right: each belongs to one of the living, in the order of their ids. */
async function right(tx: Tx, { topic, group, member, worker }: Place): Promise<ReadonlySet<number>> {
  const dead = worker.dead();
  // It may itself have been taken for dead, if it stalled. It is not.
  await tx.run(
    `delete from bus_member where topic = ? and name = ? and owner <> ? and ${dead.sql}`,
    topic,
    group,
    worker.id,
    ...dead.values,
  );
  const rows = await tx.all('select member from bus_member where topic = ? and name = ? order by member', topic, group);
  const living = rows.map((row) => row['member']);
  return new Set(Array.from({ length: partitions }, (_, part) => part).filter((part) => living[part % living.length] === member));
}

export interface Share {
  /** Mine by right. */
  readonly right: ReadonlySet<number>;
  /** Mine by fact, with the position that I saved last. */
  readonly mine: ReadonlyMap<number, number>;
  /** Those of them that a member which died held: it may have had events up to the end of the log in hand. */
  readonly orphaned: ReadonlySet<number>;
  /** Those whose row no position can be read from. */
  readonly unreadable: readonly number[];
}

/** Takes what is this member's by right and free, or held by the dead. */
export async function takeShare(store: Store, place: Place, signal: AbortSignal): Promise<Share> {
  const { topic, group, member, worker } = place;
  return store.transaction(
    async (tx) => {
      await enter(tx, place);
      const rightful = await right(tx, place);
      const dead = worker.dead();
      const rows = await tx.all(
        `select part, position, member, (member = '' or ${dead.sql}) as free from bus_progress where topic = ? and name = ?`,
        ...dead.values,
        topic,
        group,
      );
      const mine = new Map<number, number>();
      const orphaned = new Set<number>();
      const unreadable: number[] = [];
      for (const row of rows) {
        const part = Number(row['part']);
        const position = Number(row['position']);
        if (!Number.isSafeInteger(position)) {
          unreadable.push(part);
          continue;
        }
        if (row['member'] !== member) {
          if (!row['free'] || !rightful.has(part)) continue;
          if (row['member'] !== '') orphaned.add(part);
          await tx.run(
            'update bus_progress set member = ?, owner = ? where topic = ? and name = ? and part = ?',
            member,
            worker.id,
            topic,
            group,
            part,
          );
        }
        mine.set(part, position);
      }
      return { right: rightful, mine, orphaned, unreadable };
    },
    { signal },
  );
}

export interface Progress {
  readonly part: number;
  readonly position: number;
  /** Leaves the partition to others. */
  readonly release: boolean;
}

/** Saves how far this member is with a partition. False when it is its own no more. */
export async function saveProgress(
  tx: Tx,
  { topic, group, member, worker }: Place,
  { part, position, release }: Progress,
): Promise<boolean> {
  const { changes } = await tx.run(
    'update bus_progress set position = ?, member = ?, owner = ? where topic = ? and name = ? and part = ? and member = ?',
    position,
    release ? '' : member,
    release ? '' : worker.id,
    topic,
    group,
    part,
    member,
  );
  return changes > 0;
}

export async function leave(tx: Tx, { topic, group, member }: Place): Promise<void> {
  await tx.run('delete from bus_member where topic = ? and name = ? and member = ?', topic, group, member);
}
