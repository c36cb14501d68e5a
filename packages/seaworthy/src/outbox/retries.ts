import type { Span } from '../core/observe.ts';
import { sleep } from '../core/sleep.ts';
import { CommitUnknown } from '../store/errors.ts';
import type { Tx } from '../store/store.ts';
import { attempt } from './attempt.ts';
import { type Claimed, type Claiming, claim, nextDue, release, type Unreadable } from './claim.ts';
import type { Consuming } from './consuming.ts';
import { bury, type Reason } from './dead-letter.ts';
import { crashed } from './delivery.ts';
import { EventRefused } from './errors.ts';
import { recordedError, withAttempt } from './history.ts';
import { backoff, type Loop, loop } from './loop.ts';
import { type Parked, postpone, unpark } from './parked.ts';
import { type Processed, processSpan } from './process.ts';

/** No more is taken into the hand while so much is. */
const mostBytes = 8 * 2 ** 20;

/**
 * Attempts parked events again when they are due. Whoever takes one writes its worker's id on it, and every later write
 * asks for that id: two processes never both bring an attempt to its commit.
 */
export function retries<T>(parts: Consuming<T>): Loop {
  const { store, runtime, worker, service, subscriptions, concurrency, pollMs, cut, closing } = parts;
  const { clock, random, observe } = runtime;
  /** What is in hand, by its number. */
  const hand = new Map<number, Promise<void>>();
  const types = [...subscriptions.keys()];
  let bytes = 0;

  /** Until it is written or the process goes down: an event that nobody lets go of would never be attempted again. */
  async function insist(write: (tx: Tx) => Promise<void>): Promise<void> {
    for (let failures = 1; ; failures++) {
      try {
        return await store.transaction((tx) => write(store.sql(tx)));
      } catch (error) {
        if (closing()) return;
        observe.log('error', 'a parked event could not be written back, it is tried again', { service, error });
        await sleep(clock, backoff.waitMs(failures, undefined, random) ?? 0, cut, { background: true }).catch(() => {});
      }
    }
  }

  async function failed(event: Parked, error: unknown, refused: Reason | undefined, span: Span): Promise<Processed> {
    const now = clock.now();
    const attempts = event.attempts + 1;
    const later = {
      ...event,
      attempts,
      history: withAttempt(event.history, {
        attempt: attempts,
        at: now,
        error: recordedError(error),
      }),
    };
    const waitMs = refused ? undefined : parts.ladder.waitMs(attempts, random);
    if (waitMs !== undefined) {
      runtime.reached('inbox/park/before');
      await insist((tx) => postpone(tx, later, worker.id, now + waitMs, now));
      runtime.reached('inbox/park/after');
      return ['parked', error];
    }
    runtime.reached('inbox/bury/before');
    await insist(async (tx) => {
      if (await unpark(tx, event, worker.id, now)) await bury(tx, later, refused ?? 'failed', now);
    });
    runtime.reached('inbox/bury/after');
    observe.log('warn', `${event.envelope.type} was buried`, { id: event.envelope.id, service, attempts, error }, span.trace);
    return ['buried', error];
  }

  async function retry(event: Parked, span: Span): Promise<Processed> {
    const { envelope, crashes } = event;
    const subscription = subscriptions.get(envelope.type);
    if (!subscription) return failed(event, new EventRefused(`this code does not subscribe to ${envelope.type}`), 'unhandled', span);
    if (crashes >= parts.crashes) return failed(event, crashed(envelope.type, envelope.id, crashes), 'crashed', span);
    runtime.reached('inbox/retry/before');
    const verdict = await attempt({
      ...parts,
      subscription,
      envelope,
      however: event.redriven,
      number: event.attempts + 1,
      span,
      parents: [cut],
      admit: async (tx) => ((await unpark(tx, event, worker.id, clock.now())) ? undefined : 'superseded'),
    });
    runtime.reached('inbox/retry/after');
    if (verdict.kind === 'done') return [verdict.outcome];
    if (verdict.kind === 'failed' && closing()) throw verdict.error;
    return failed(event, verdict.error, verdict.kind === 'refused' ? verdict.reason : undefined, span);
  }

  async function attempted(event: Parked): Promise<void> {
    const { envelope } = event;
    const span = processSpan('seaworthy_inbox_retry', parts, subscriptions.has(envelope.type) ? envelope.type : 'unknown', envelope);
    try {
      span.end(...(await retry(event, span)));
    } catch (error) {
      span.end('again', error);
      observe.log('warn', 'an attempt at a parked event was cut short, it comes again', { id: event.envelope.id, service, error });
      await insist((tx) => postpone(tx, event, worker.id, clock.now() + pollMs, clock.now()));
    }
  }

  function begin(event: Parked, after: () => void = () => {}): void {
    const { seq, size } = event;
    const work = attempted(event).finally(() => {
      hand.delete(seq);
      bytes -= size;
      after();
      turns.wake();
    });
    bytes += size;
    hand.set(seq, work);
  }

  function tell({ seq, id, type, error }: Unreadable): void {
    const message = `row ${seq} of sw_parked is no event: it is a dead letter now, to be edited and redriven`;
    observe.count('seaworthy_outbox_unreadable_total', { service, table: 'sw_parked' });
    observe.log('error', message, { service, id, event: type, error });
  }

  async function take(claiming: Claiming): Promise<Claimed> {
    const room = { rows: concurrency - hand.size, bytes: mostBytes - bytes };
    runtime.reached('inbox/claim/before');
    const claimed = await store
      .transaction((tx) => claim(store.sql(tx), claiming, room))
      .catch(async (error: unknown) => {
        // Claimed or not: what nobody knows that he has would never be attempted again.
        if (error instanceof CommitUnknown) await insist((tx) => release(tx, service, worker, [...hand.keys()]));
        throw error;
      });
    runtime.reached('inbox/claim/after');
    return claimed;
  }

  async function turn(): Promise<number> {
    if (hand.size >= concurrency || bytes >= mostBytes || types.length === 0) return pollMs;
    const now = clock.now();
    // A time is also given by `poll`, when an attempt is cut short.
    const longestMs = Math.max(parts.ladder.longestMs, pollMs);
    const looking = { consumer: service, worker, now, longestMs, types, orphan: parts.alone.free };
    const due = await nextDue(store.sqlRead, looking);
    if (due === undefined) return pollMs;
    if (due > now) return Math.min(pollMs, due - now);
    const giveBack = parts.alone.tryTake();
    try {
      const { events, orphan, unreadable } = await take({ ...looking, orphan: giveBack !== undefined });
      for (const one of unreadable) tell(one);
      if (orphan) begin(orphan, giveBack);
      else giveBack?.();
      for (const event of events) begin(event);
      return events.length + unreadable.length > 0 || orphan ? 0 : pollMs;
    } catch (error) {
      giveBack?.();
      throw error;
    }
  }

  const turns = loop({ runtime, name: 'retries', turn });
  return {
    wake: turns.wake,
    async stop() {
      await turns.stop();
      await Promise.all(hand.values());
    },
  };
}
