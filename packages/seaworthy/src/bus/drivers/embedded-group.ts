import type { Read, Store, Tx } from '../../store/store.ts';
import type { Worker } from '../../store/worker.ts';
import type { Membership } from '../bus.ts';
import { partitions } from './embedded-log.ts';

/** The seat of one member in a group. */
export interface Seat extends Membership {
  /** Unique to one subscription of one process. Every write of progress has it as a condition: it is the fence. */
  readonly member: string;
  /** Its heartbeat shows the others whether the member's process lives. */
  readonly worker: Worker;
}

async function enter(tx: Tx, { topic, group, member, worker }: Seat): Promise<void> {
  await tx.run(
    tx.dialect.insertNew({ table: 'bus_member', columns: 'topic, name, member, owner', key: 'topic, name, member' }),
    topic,
    group,
    member,
    worker.id,
  );
}

/** Registers a group, from the earliest event kept. Returns whether it was new. */
export async function register(tx: Tx, { topic, group }: Membership): Promise<boolean> {
  let added = 0;
  for (let part = 0; part < partitions; part++) {
    const { changes } = await tx.run(
      tx.dialect.insertNew({ table: 'bus_progress', columns: 'topic, name, part, position, owner', key: 'topic, name, part' }),
      ...[topic, group, part, 0, ''],
    );
    added += changes;
  }
  return added > 0;
}

/** Whether every partition of the topic has a row for the group. */
export async function isRegistered(read: Read, { topic, group }: Membership): Promise<boolean> {
  const [row] = await read.all('select count(*) as n from bus_progress where topic = ? and name = ?', topic, group);
  return Number(row?.['n']) >= partitions;
}

/** Registers the group, if it is not yet, and the member in it. */
export async function join(store: Store, seat: Seat): Promise<void> {
  await store.transaction(async (tx) => {
    await enter(tx, seat);
    await register(tx, seat);
  });
}

/** Returns the partitions that are this member's share: each partition belongs to one living member, in the order of their ids. */
async function right(tx: Tx, { topic, group, member, worker }: Seat): Promise<ReadonlySet<number>> {
  const dead = worker.dead();
  // A member that stalled may itself have been taken for dead.
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
  /** The partitions of the member's share. */
  readonly right: ReadonlySet<number>;
  /** The partitions that the member has, each with its saved position. */
  readonly mine: ReadonlyMap<number, number>;
  /** The partitions among them that a dead member had, perhaps with events in flight up to the end of the log. */
  readonly orphaned: ReadonlySet<number>;
  /** The partitions whose row has no position. */
  readonly unreadable: readonly number[];
}

/** Takes the partitions of the member's share that are free or belong to dead members. */
export async function takeShare(store: Store, seat: Seat, signal?: AbortSignal): Promise<Share> {
  const { topic, group, member, worker } = seat;
  return store.transaction(
    async (tx) => {
      await enter(tx, seat);
      const rightful = await right(tx, seat);
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
  /** Leaves the partition to other members. */
  readonly release: boolean;
}

/** Saves the progress of this member with a partition. False when another member has the partition. */
export async function saveProgress(
  tx: Tx,
  { topic, group, member, worker }: Seat,
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

export async function leave(tx: Tx, { topic, group, member }: Seat): Promise<void> {
  await tx.run('delete from bus_member where topic = ? and name = ? and member = ?', topic, group, member);
}
