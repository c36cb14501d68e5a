import type { Scope } from '../core/abort.ts';
import { backoffMs } from '../core/backoff.ts';
import { together } from '../core/ends.ts';
import { InFlight } from '../core/in-flight.ts';
import { type Loop, loop } from '../core/loop.ts';
import type { Span } from '../core/observe.ts';
import { sleep } from '../core/sleep.ts';
import { CommitUnknown } from '../store/errors.ts';
import { fenced } from '../store/fenced.ts';
import { restMs } from '../store/rest.ts';
import type { Tx } from '../store/store.ts';
import { attempt } from './attempt.ts';
import { type AttemptOutcome, attemptSpan } from './attempt-span.ts';
import { type Claimed, type Claiming, claimParked, deadLetterUnreadable, findWork, release, type Unreadable, type Work } from './claim.ts';
import type { Consuming } from './consuming.ts';
import { deadLetter, type Reason } from './dead-letter.ts';
import { crashed } from './delivery.ts';
import { EventRefused } from './errors.ts';
import { settleFailure } from './failure.ts';
import { type Parked, postpone, unpark } from './parked.ts';
import { parkedTopic } from './topics.ts';

/** No more parked events are claimed while so much is in flight. */
const mostBytes = 8 * 2 ** 20;
const writeBackoff = { baseMs: 100, capMs: 10_000, jitter: 'full' } as const;

/** Returns after how many milliseconds an attempt that was cut short is due again. */
export const againMs = ({ pollMs = 1000 }: { readonly pollMs: number | undefined }): number => pollMs;

/**
 * Attempts parked events again when they are due. A process that claims an event writes the id of its worker into the row, and every
 * later write asks for that id: two processes never both commit an attempt.
 */
export function retries<T>(deps: Consuming<T>): Loop {
  const { store, runtime, worker, service, subscriptions, concurrency, cut, closing } = deps;
  const { clock, random, observe } = runtime;
  const inFlight = new InFlight<number>({ clock, most: { rows: concurrency, bytes: mostBytes } });
  const types = [...subscriptions.keys()];

  /** Repeats a write until it is committed or the process goes down: an event that keeps its owner would never be attempted again. */
  async function writeUntilClosed<V>(write: (tx: Tx) => Promise<V>): Promise<V | undefined> {
    for (let failures = 1; ; failures++) {
      try {
        return await store.transaction((tx) => write(store.sql(tx)));
      } catch (error) {
        if (closing()) return undefined;
        observe.log('error', 'the outcome of a parked event could not be written; retrying', { service, failures, error });
        await sleep(clock, backoffMs(writeBackoff, failures, random), cut, { background: true }).catch(() => {});
      }
    }
  }

  const failed = (event: Parked, error: unknown, refused: Reason | undefined, span: Span): Promise<AttemptOutcome> =>
    settleFailure(
      deps,
      { event, error, refused, span },
      {
        write: async (work) => (await writeUntilClosed(work)) ?? 'cut',
        async park(tx, later, dueMs, now) {
          await postpone(tx, later, worker.id, dueMs, now);
          return 'parked';
        },
        async deadLetter(tx, later, reason, now) {
          if (!(await unpark(tx, later, worker.id, now))) return 'superseded';
          await deadLetter(tx, later, reason, now);
          return 'dead_letter';
        },
      },
    );

  async function retry(event: Parked, span: Span, within: Scope): Promise<AttemptOutcome> {
    const { envelope, crashes } = event;
    const subscription = subscriptions.get(envelope.type);
    if (!subscription)
      return failed(
        event,
        new EventRefused(`${envelope.type} ${envelope.id} has no subscription in this code: subscribe to it and redrive it, or drop it`),
        'unhandled',
        span,
      );
    if (crashes >= deps.crashes) return failed(event, crashed(envelope.type, envelope.id, crashes), 'crashed', span);
    runtime.reached('inbox/retry/before');
    const verdict = await attempt({
      ...deps,
      subscription,
      envelope,
      evenIfExpired: event.redriven,
      number: event.attempts + 1,
      span,
      parents: [within],
      admit: async (tx) => ((await unpark(tx, event, worker.id, clock.now())) ? undefined : 'superseded'),
    });
    runtime.reached('inbox/retry/after');
    if (verdict.kind === 'done') return [verdict.outcome];
    if (verdict.kind === 'failed' && closing()) throw verdict.error;
    return failed(event, verdict.error, verdict.kind === 'refused' ? verdict.reason : undefined, span);
  }

  async function attempted(event: Parked, within: Scope): Promise<void> {
    const { envelope } = event;
    const span = attemptSpan('seaworthy_inbox_retry', deps, subscriptions.has(envelope.type) ? envelope.type : 'unknown', envelope);
    try {
      span.end(...(await retry(event, span, within)));
    } catch (error) {
      span.end('again', error);
      observe.log('warn', 'an attempt at a parked event was interrupted; retrying', { id: event.envelope.id, service, error });
      await writeUntilClosed((tx) => postpone(tx, event, worker.id, clock.now() + againMs(deps), clock.now()));
    }
  }

  function begin(event: Parked, after: () => void = () => {}): void {
    void inFlight
      .run(event.seq, (within) => attempted(event, within), { load: { bytes: event.size } })
      .finally(() => {
        after();
        turns.wake();
      });
  }

  async function setAside(unreadable: Unreadable): Promise<void> {
    const { seq, id, type, error } = unreadable;
    await writeUntilClosed((tx) => deadLetterUnreadable(tx, unreadable, clock.now()));
    const message = `row ${seq} of sw_parked is not an event and became a dead letter: edit its data and redrive it`;
    observe.count('seaworthy_outbox_unreadable_total', { service, table: 'sw_parked' });
    observe.log('error', message, { service, id, event: type, error });
  }

  async function take(work: Work, claiming: Claiming): Promise<Claimed> {
    runtime.reached('inbox/claim/before');
    const claimed = await store
      .transaction((tx) => claimParked(store.sql(tx), work, claiming, inFlight.room()), fenced)
      .catch(async (error: unknown) => {
        // The claim may have been committed. An event that no process knows that it owns would never be attempted again.
        if (error instanceof CommitUnknown) await writeUntilClosed((tx) => release(tx, service, worker, inFlight.ids));
        throw error;
      });
    runtime.reached('inbox/claim/after');
    return claimed;
  }

  async function turn(): Promise<number> {
    const pollMs = deps.pollMs ?? restMs(store);
    const room = inFlight.room();
    if (room.rows <= 0 || room.bytes <= 0 || types.length === 0 || worker.term() === undefined) return pollMs;
    const now = clock.now();
    const longestMs = Math.max(deps.schedule.longestMs, againMs(deps));
    const looking = { consumer: service, worker, now, longestMs, types, orphan: deps.alone.free };
    const work = await findWork(store.sqlRead, looking);
    const { next = Number.POSITIVE_INFINITY, far, orphaned } = work;
    if (next > now && !far && !orphaned) return Math.min(pollMs, next - now);
    const giveBack = orphaned ? deps.alone.tryTake() : undefined;
    try {
      const { events, orphan, unreadable } = await take({ ...work, orphaned: giveBack !== undefined }, looking);
      if (orphan) begin(orphan, giveBack);
      else giveBack?.();
      for (const event of events) begin(event);
      for (const one of unreadable) await setAside(one);
      return events.length + unreadable.length > 0 || orphan ? 0 : pollMs;
    } catch (error) {
      giveBack?.();
      throw error;
    }
  }

  const turns = loop({ runtime, name: 'retries', turn });
  const stops = [store.listen(parkedTopic, turns.wake), worker.onTerm(turns.wake), worker.onGone(turns.wake)];
  return {
    wake: turns.wake,
    async close(signal) {
      for (const stop of stops) stop();
      await together([turns.close(), inFlight.close(signal)]);
      // The last turn may have begun more.
      await inFlight.close(signal);
    },
  };
}
