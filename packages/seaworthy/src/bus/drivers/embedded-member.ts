import type { Runtime } from '../../core/runtime.ts';
import { sleep } from '../../core/sleep.ts';
import { wakeup } from '../../core/wakeup.ts';
import type { Store } from '../../store/store.ts';
import type { Worker } from '../../store/worker.ts';
import type { SubscribeOptions } from '../bus.ts';
import { dispatch } from '../dispatch.ts';
import { parseEnvelope } from '../envelope.ts';
import { RowUnreadable } from '../errors.ts';
import { join, leave, type Place, saveProgress, takeShare } from './embedded-group.ts';
import { firstAt, isPartition, keepBroken, type Logged, lastPosition, readLog } from './embedded-log.ts';
import { Partition } from './embedded-partition.ts';

/** One subscription of one process. */
export interface Member {
  readonly topic: string;
  wake(): void;
  close(signal?: AbortSignal): Promise<void>;
}

interface Parts {
  readonly store: Store;
  readonly worker: Worker;
  readonly runtime: Runtime;
  readonly options: Required<SubscribeOptions>;
}

/** Other processes' events and deaths are looked for this often; one's own publishing wakes at once. */
const pollMs = 100;
const shareMs = 1000;
const saveMs = 200;
const stumbleMs = 1000;
/** Of the log at one time. */
const batch = { rows: 256, bytes: 2 * 2 ** 20 };
/** No more is read while so much is in hand, however many keys wait: bytes here, events for each of `concurrency`. */
const mostBytes = 8 * 2 ** 20;
const mostEach = 32;

export async function member({ store, worker, runtime, options }: Parts): Promise<Member> {
  const { topic, group, concurrency } = options;
  const { clock, observe } = runtime;
  const place: Place = { topic, group, member: runtime.ids.next(), worker };
  const owned = new Map<number, Partition>();
  const hands = dispatch(options, runtime);
  const woken = wakeup(clock);
  const stopping = new AbortController();
  const told = new Set<number>();
  let bytes = 0;
  let full = false;
  let from = 0;
  let lagMs = 0;
  let sharedAt = Number.NEGATIVE_INFINITY;
  let savedAt = clock.monotonic();

  function forget(part: number): void {
    const partition = owned.get(part);
    if (partition) partition.lost = true;
    owned.delete(part);
  }

  /** Takes what is free of its share, marks what is to go to others, and notices what is gone. */
  async function share(): Promise<void> {
    sharedAt = clock.monotonic();
    const { right, mine, orphaned, unreadable } = await takeShare(store, place, stopping.signal);
    const end = orphaned.size > 0 ? await lastPosition(store.read, topic) : 0;
    for (const [part, position] of mine)
      if (!owned.has(part)) owned.set(part, new Partition(position, orphaned.has(part) ? end : undefined));
    for (const part of unreadable) tellOnce(part);
    for (const [part, partition] of owned) {
      if (!mine.has(part)) forget(part);
      else partition.leaving = !right.has(part);
    }
    const active = staying();
    if (active.length > 0) from = Math.min(...active.map(({ seen }) => seen));
    const first = await firstAt(store, topic, Math.min(from, ...active.map(({ done }) => done)));
    lagMs = first === undefined || active.length === 0 ? 0 : Math.max(0, clock.now() - first);
  }

  const staying = (): Partition[] => [...owned.values()].filter(({ leaving }) => !leaving);
  const isHungry = (): boolean => hands.load <= 2 * concurrency && hands.size <= mostEach * concurrency && bytes <= mostBytes;

  /** A partition whose progress somebody overwrote: nobody knows where to go on. */
  function tellOnce(part: number): void {
    if (told.has(part)) return;
    told.add(part);
    const message = `the row of bus_progress for partition ${part} of ${topic} has no position for ${group}, which gets nothing of it: correct it`;
    observe.count('seaworthy_bus_unreadable_total', { topic, group });
    observe.log('error', message, { topic, group, part, error: new RowUnreadable(message) });
  }

  /** False when the row is no event. */
  function hand(partition: Partition, { position, part, body }: Logged): boolean {
    let envelope: ReturnType<typeof parseEnvelope>;
    try {
      if (!isPartition(part)) throw new RowUnreadable(`there is no partition ${part}`);
      envelope = parseEnvelope(body);
    } catch (cause) {
      const message = `row ${position} of bus_log is no event and is passed over: correct its body and publish it again`;
      observe.count('seaworthy_bus_unreadable_total', { topic, group });
      observe.log('error', message, { topic, group, position, error: new RowUnreadable(message, { cause }) });
      return false;
    }
    partition.hand(position);
    bytes += body.length;
    hands.add({
      envelope,
      position: String(position),
      orphaned: position <= partition.orphanedTo,
      gone: () => partition.lost,
      done: () => partition.finish(position),
      settled() {
        bytes -= body.length;
        if (full && isHungry()) woken.notify();
      },
    });
    return true;
  }

  /** Hands out what is new, and no more than can be held. True when there may be more. */
  async function read(): Promise<boolean> {
    full = !isHungry();
    if (owned.size === 0 || full) return false;
    const { rows, more } = await readLog(store, topic, from, batch);
    if (stopping.signal.aborted) return false;
    const broken: number[] = [];
    for (const row of rows) {
      // Of a partition that there is not, and so nobody's: whoever has the first one tells of it.
      const partition = owned.get(isPartition(row.part) ? row.part : 0);
      if (partition && !partition.leaving && row.position > partition.seen && !hand(partition, row)) broken.push(row.position);
    }
    from = rows.at(-1)?.position ?? from;
    // Also those that had nothing: who goes on after this member need not look through all this again.
    for (const partition of staying()) partition.seen = Math.max(partition.seen, from);
    if (broken.length > 0) await keepBroken(store, broken);
    return more;
  }

  /** Progress may lag behind what is done: after a crash that comes again, and the inbox knows it. */
  async function save(last: boolean, signal: AbortSignal | undefined): Promise<void> {
    savedAt = clock.monotonic();
    const due = [...owned]
      .map(([part, partition]) => ({ part, partition, position: partition.done, release: last || (partition.leaving && partition.idle) }))
      .filter(({ partition, position, release }) => release || position > partition.saved);
    if (due.length === 0 && !last) return;
    runtime.reached('bus/progress/before');
    const lost = await store.transaction(
      async (tx) => {
        const gone: number[] = [];
        for (const one of due) if (!(await saveProgress(tx, place, one)) || one.release) gone.push(one.part);
        if (last) await leave(tx, place);
        return gone;
      },
      { signal },
    );
    runtime.reached('bus/progress/after');
    for (const { partition, position } of due) partition.saved = position;
    for (const part of lost) forget(part);
  }

  async function round(): Promise<void> {
    if (clock.monotonic() - sharedAt >= shareMs) await share();
    const more = await read();
    if (clock.monotonic() - savedAt >= saveMs) await save(false, stopping.signal);
    if (!more) await woken.wait(pollMs, stopping.signal);
  }

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      try {
        await round();
      } catch (error) {
        if (stopping.signal.aborted) return;
        observe.log('error', `the subscription of ${group} to ${topic} stumbled, it goes on`, { error });
        await sleep(clock, stumbleMs, stopping.signal, { background: true }).catch(() => {});
      }
    }
  }

  await join(store, place);
  await share();
  const running = run();
  const gauges = [
    observe.gauge('seaworthy_bus_in_hand', { topic, group }, () => hands.size),
    observe.gauge('seaworthy_bus_lag_seconds', { topic, group }, () => lagMs / 1000),
  ];

  async function end(signal: AbortSignal | undefined): Promise<void> {
    stopping.abort();
    await Promise.all([running, hands.close(signal)]);
    // What cannot be saved comes again, once this process's worker is gone.
    await save(true, undefined).catch((error: unknown) =>
      observe.log('error', `the subscription of ${group} to ${topic} could not save its progress`, { error }),
    );
    for (const remove of gauges) remove();
  }

  let closed: Promise<void> | undefined;
  return {
    topic,
    wake: woken.notify,
    close(signal) {
      closed ??= end(signal);
      return closed;
    },
  };
}
