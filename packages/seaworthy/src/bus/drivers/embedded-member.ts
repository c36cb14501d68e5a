import { type Loop, loop } from '../../core/loop.ts';
import type { Runtime } from '../../core/runtime.ts';
import type { Store } from '../../store/store.ts';
import type { Worker } from '../../store/worker.ts';
import { type Dispatch, dispatch } from '../dispatch.ts';
import { EnvelopeInvalid, RowUnreadable } from '../errors.ts';
import { incoming } from '../incoming.ts';
import { type Message, readMessage } from '../message.ts';
import type { Subscribing } from '../options.ts';
import { Partition } from '../partition.ts';
import { join, leave, type Seat, saveProgress, takeShare } from './embedded-group.ts';
import { firstAt, isPartition, keepBroken, type Logged, lastPosition, readLog } from './embedded-log.ts';

interface Parts {
  readonly store: Store;
  readonly worker: Worker;
  readonly runtime: Runtime;
  readonly options: Subscribing;
}

/** How often the log is read for events of other processes; publishing in this process wakes the loop at once. */
const pollMs = 100;
const shareMs = 1000;
const saveMs = 200;
/** The most that is read from the log at one time. */
const batch = { rows: 256, bytes: 2 * 2 ** 20 };
/** The log is not read while so much is in flight or queued: bytes, and events for each unit of `concurrency`. */
const mostBytes = 8 * 2 ** 20;
const mostEach = 32;

/** One subscription of one process: it shares the partitions of its topic with the other members of its group. */
export class EmbeddedMember {
  readonly #parts: Parts;
  readonly #seat: Seat;
  readonly #dispatch: Dispatch;
  readonly #owned = new Map<number, Partition>();
  /** The partitions without a position that were logged. */
  readonly #reported = new Set<number>();
  #loop: Loop | undefined;
  #gauges: readonly (() => void)[] = [];
  /** The number of bytes in flight or queued. */
  #bytes = 0;
  #full = false;
  /** The log was read up to this position for all partitions that stay. */
  #from = 0;
  #lagMs = 0;
  #sharedAt = Number.NEGATIVE_INFINITY;
  #savedAt: number;
  #closed: Promise<void> | undefined;

  private constructor(parts: Parts) {
    const { worker, runtime, options } = parts;
    this.#parts = parts;
    this.#seat = { topic: options.topic, group: options.group, member: runtime.ids.next(), worker };
    this.#dispatch = dispatch(options, runtime);
    this.#savedAt = runtime.clock.monotonic();
  }

  /** Registers the group and the member, takes a share of the partitions, and consumes. */
  static async open(parts: Parts): Promise<EmbeddedMember> {
    const member = new EmbeddedMember(parts);
    await join(parts.store, member.#seat);
    await member.#share();
    member.#begin();
    return member;
  }

  get topic(): string {
    return this.#seat.topic;
  }

  /** Reads the log at once. */
  wake(): void {
    this.#loop?.wake();
  }

  close(signal?: AbortSignal): Promise<void> {
    this.#closed ??= this.#end(signal);
    return this.#closed;
  }

  #begin(): void {
    const { topic, group } = this.#seat;
    const { runtime } = this.#parts;
    const { observe } = runtime;
    this.#loop = loop({ runtime, name: 'subscription', attributes: { topic, group }, turn: (closing) => this.#turn(closing) });
    this.#gauges = [
      observe.gauge('seaworthy_bus_in_flight', { topic, group }, () => this.#dispatch.size),
      observe.gauge('seaworthy_bus_lag_seconds', { topic, group }, () => this.#lagMs / 1000),
    ];
  }

  async #end(signal: AbortSignal | undefined): Promise<void> {
    const { topic, group } = this.#seat;
    await Promise.all([this.#loop?.close(), this.#dispatch.close(signal)]);
    // Unsaved progress is redelivered once this process's worker has left.
    await this.#save(true).catch((error: unknown) =>
      this.#parts.runtime.observe.log('error', 'subscription could not save its progress; redelivering its last events', {
        topic,
        group,
        error,
      }),
    );
    for (const remove of this.#gauges) remove();
  }

  async #turn(closing: AbortSignal): Promise<number> {
    const { clock } = this.#parts.runtime;
    if (clock.monotonic() - this.#sharedAt >= shareMs) await this.#share(closing);
    const more = await this.#read(closing);
    if (clock.monotonic() - this.#savedAt >= saveMs) await this.#save(false, closing);
    return more ? 0 : pollMs;
  }

  /** Takes the free partitions of its share, marks those that are to go to other members, and gives up those that have gone. */
  async #share(signal?: AbortSignal): Promise<void> {
    const { store, runtime } = this.#parts;
    const { clock } = runtime;
    const { topic } = this.#seat;
    this.#sharedAt = clock.monotonic();
    const { right, mine, orphaned, unreadable } = await takeShare(store, this.#seat, signal);
    const end = orphaned.size > 0 ? await lastPosition(store.read, topic) : 0;
    for (const [part, position] of mine)
      if (!this.#owned.has(part)) this.#owned.set(part, new Partition(clock, position, orphaned.has(part) ? end : undefined));
    for (const part of unreadable) this.#report(part);
    for (const [part, partition] of this.#owned) {
      if (!mine.has(part)) this.#lose(part);
      else partition.leaving = !right.has(part);
    }
    const staying = this.#staying();
    if (staying.length > 0) this.#from = Math.min(...staying.map(({ seen }) => seen));
    const first = await firstAt(store, topic, Math.min(this.#from, ...staying.map(({ done }) => done)));
    this.#lagMs = first === undefined || staying.length === 0 ? 0 : Math.max(0, clock.now() - first);
  }

  #staying(): readonly Partition[] {
    return [...this.#owned.values()].filter(({ leaving }) => !leaving);
  }

  #hasRoom(): boolean {
    const { concurrency } = this.#parts.options;
    const { load, size } = this.#dispatch;
    return load <= 2 * concurrency && size <= mostEach * concurrency && this.#bytes <= mostBytes;
  }

  /** Another member has the partition. What is in flight is aborted: that member repeats it. */
  #lose(part: number): void {
    this.#owned.get(part)?.owned.abort(new Error(`partition ${part} of ${this.topic} belongs to another member`));
    this.#owned.delete(part);
  }

  /** Logs once that a partition has no position to continue from, since its row was overwritten. */
  #report(part: number): void {
    if (this.#reported.has(part)) return;
    this.#reported.add(part);
    const { topic, group } = this.#seat;
    const { observe } = this.#parts.runtime;
    const message = `the row of bus_progress for partition ${part} of ${topic} has no position for ${group}, which gets none of its events: correct the row`;
    observe.count('seaworthy_bus_unreadable_total', { topic, group });
    observe.log('error', message, { topic, group, part, error: new RowUnreadable(message) });
  }

  /** Queues one row. False when the row is not an event and is passed over. */
  #queue(partition: Partition, { position, part, body }: Logged): boolean {
    const { options, runtime } = this.#parts;
    const read = (message: Message): ReturnType<typeof readMessage> => {
      if (!isPartition(part)) throw new EnvelopeInvalid(`the row has the partition ${part}; partitions are numbered from 0 to 15`);
      return readMessage(message);
    };
    const standing = { place: `row ${position} of bus_log`, position: String(position) };
    const { passedOver, ...message } = incoming(options, { body }, standing, runtime, read);
    if (passedOver) return false;
    partition.begin(position);
    this.#bytes += body.length;
    this.#dispatch.add({
      ...message,
      orphaned: position <= partition.orphanedTo,
      owned: partition.owned,
      done: () => partition.finish(position),
      settled: () => {
        this.#bytes -= body.length;
        if (this.#full && this.#hasRoom()) this.wake();
      },
    });
    return true;
  }

  /** Queues new events, as long as there is room. True when there may be more. */
  async #read(closing: AbortSignal): Promise<boolean> {
    const { store } = this.#parts;
    this.#full = !this.#hasRoom();
    if (this.#owned.size === 0 || this.#full) return false;
    const { rows, more } = await readLog(store, this.topic, this.#from, batch);
    if (closing.aborted) return false;
    const broken: number[] = [];
    for (const row of rows) {
      // The owner of the first partition reports rows of partitions that do not exist.
      const partition = this.#owned.get(isPartition(row.part) ? row.part : 0);
      if (partition && !partition.leaving && row.position > partition.seen && !this.#queue(partition, row)) broken.push(row.position);
    }
    this.#from = rows.at(-1)?.position ?? this.#from;
    // Also for partitions that had nothing, so that a later owner need not read all of this again.
    for (const partition of this.#staying()) partition.seen = Math.max(partition.seen, this.#from);
    if (broken.length > 0) await keepBroken(store, broken);
    return more;
  }

  /** Progress may lag behind what is done: after a crash those events are redelivered, and the inbox recognises them. */
  async #save(last: boolean, signal?: AbortSignal): Promise<void> {
    const { store, runtime } = this.#parts;
    this.#savedAt = runtime.clock.monotonic();
    const due = [...this.#owned]
      .map(([part, partition]) => ({ part, partition, position: partition.done, release: last || (partition.leaving && partition.idle) }))
      .filter(({ partition, position, release }) => release || position > partition.saved);
    if (due.length === 0 && !last) return;
    runtime.reached('bus/progress/before');
    const lost = await store.transaction(
      async (tx) => {
        const gone: number[] = [];
        for (const one of due) if (!(await saveProgress(tx, this.#seat, one)) || one.release) gone.push(one.part);
        if (last) await leave(tx, this.#seat);
        return gone;
      },
      { signal },
    );
    runtime.reached('bus/progress/after');
    for (const { partition, position } of due) partition.saved = position;
    for (const part of lost) this.#lose(part);
  }
}
