import type { Span } from '../core/observe.ts';
import { sleep } from '../core/sleep.ts';
import { CommitUnknown } from '../store/errors.ts';
import type { Tx } from '../store/store.ts';
import { attempt } from './attempt.ts';
import type { Consuming } from './consuming.ts';
import { bury, type Reason } from './dead-letter.ts';
import { recordedError, withAttempt } from './history.ts';
import { backoff, type Loop, loop } from './loop.ts';
import { claim, nextDue, type Parked, postpone, release, unpark, type Wanted } from './parked.ts';
import { type Processed, processSpan } from './process.ts';

/**
 * Attempts parked events again when they are due. Whoever takes one writes its worker's id on it, and every later write
 * asks for that id: two processes never both bring an attempt to its commit.
 */
export function retries<T>(parts: Consuming<T>): Loop {
  const { store, runtime, worker, service, subscriptions, concurrency, pollMs, cut, closing } = parts;
  const { clock, random, observe } = runtime;
  /** What is in hand, by its number. */
  const hand = new Map<number, Promise<void>>();

  /** Until it is written or the process goes down: an event that nobody lets go of would never be attempted again. */
  async function insist(write: (tx: Tx) => Promise<void>): Promise<void> {
    for (let failures = 1; ; failures++) {
      try {
        return await store.transaction((tx) => write(store.own(tx)));
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
      await insist((tx) => postpone(tx, later, worker, now + waitMs));
      runtime.reached('inbox/park/after');
      return ['parked', error];
    }
    runtime.reached('inbox/bury/before');
    await insist(async (tx) => {
      if (await unpark(tx, event, worker, now)) await bury(tx, later, refused ?? 'failed', now);
    });
    runtime.reached('inbox/bury/after');
    observe.log('warn', `${event.envelope.type} was buried`, { id: event.envelope.id, service, attempts, error }, span.trace);
    return ['buried', error];
  }

  async function retry(event: Parked, span: Span): Promise<Processed> {
    const { envelope } = event;
    runtime.reached('inbox/retry/before');
    const verdict = await attempt({
      ...parts,
      subscription: subscriptions.get(envelope.type),
      envelope,
      number: event.attempts + 1,
      span,
      parents: [cut],
      admit: async (tx) => ((await unpark(tx, event, worker, clock.now())) ? undefined : 'superseded'),
    });
    runtime.reached('inbox/retry/after');
    if (verdict.kind === 'done') return [verdict.outcome];
    if (verdict.kind === 'failed' && closing()) throw verdict.error;
    return failed(event, verdict.error, verdict.kind === 'refused' ? verdict.reason : undefined, span);
  }

  async function inHand(event: Parked): Promise<void> {
    const { envelope } = event;
    const span = processSpan('seaworthy_inbox_retry', parts, subscriptions.has(envelope.type) ? envelope.type : 'unknown', envelope);
    try {
      span.end(...(await retry(event, span)));
    } catch (error) {
      span.end('again', error);
      observe.log('warn', 'an attempt at a parked event was cut short, it comes again', { id: event.envelope.id, service, error });
      await insist((tx) => postpone(tx, event, worker, clock.now() + pollMs));
    }
  }

  async function turn(): Promise<number> {
    const room = concurrency - hand.size;
    if (room <= 0) return pollMs;
    const now = clock.now();
    // A time is also given by `poll`, when an attempt is cut short.
    const wanted: Wanted = { consumer: service, worker, now, longestMs: Math.max(parts.ladder.longestMs, pollMs) };
    const due = await nextDue(store.ownRead, wanted);
    if (due === undefined) return pollMs;
    if (due > now) return Math.min(pollMs, due - now);
    runtime.reached('inbox/claim/before');
    const claimed = await store
      .transaction((tx) => claim(store.own(tx), wanted, room))
      .catch(async (error: unknown) => {
        // Claimed or not: what nobody knows that he has would never be attempted again.
        if (error instanceof CommitUnknown) await insist((tx) => release(tx, service, worker, [...hand.keys()]));
        throw error;
      });
    runtime.reached('inbox/claim/after');
    for (const event of claimed) {
      const work = inHand(event).finally(() => {
        hand.delete(event.seq);
        turns.wake();
      });
      hand.set(event.seq, work);
    }
    return claimed.length > 0 ? 0 : pollMs;
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
