import type { Answer } from '../contract/answer.ts';
import type { At, Operation } from '../contract/contract.ts';
import { problemOf } from '../contract/problem.ts';
import { orAborted, scope } from '../core/abort.ts';
import { DeadlineExceeded } from '../core/deadline.ts';
import { milliseconds } from '../core/duration.ts';
import { sleep } from '../core/sleep.ts';
import { declaredOf } from './answer.ts';
import { answerOnce, type Commands, changing, type Received } from './command.ts';
import type { Reaching } from './context.ts';
import { KeyInProgress, OutcomePending, ServiceUnready, StepUndone } from './errors.ts';
import type { External } from './handler.ts';
import { bury, type Keyed, record, recorded, refuseUndone } from './idempotency.ts';
import { type Dead, dueIntents, type Intent, keep, openIntent, postpone, settle, take } from './intent.ts';
import { type Unit, unit } from './unit.ts';

export type AnyExternal = External<unknown, Record<string, unknown>, Record<string, never>, unknown, unknown>;

/** One worker of the service's database, which others can tell is alive. Its id in a row is the fence of what it writes. */
export interface Owner {
  readonly id: string;
  dead(): Dead;
}

/** The external commands of one service: what they intend is driven to an outcome, whoever still waits for it. */
export interface Externals {
  /** Answers once the outcome is committed; the work goes on when the caller leaves. */
  run(call: Received, handler: AnyExternal): Promise<Answer>;
  /** Drives what is due and what a dead worker left behind, until `close`. */
  begin(): void;
  /** Begins nothing new and waits for what runs; what `signal` cuts short is driven on after the next start. */
  close(signal?: AbortSignal): Promise<void>;
}

interface Parts extends Commands {
  readonly owner: Owner;
  readonly operationOf: (name: string) => { readonly operation: Operation & At; readonly handler: AnyExternal };
}

const patienceMs = (handler: AnyExternal): number => milliseconds(handler.timeout ?? '30s', 'timeout');
const pollMs = 1000;
const batch = 64;
/** Exponential from half a second to half a minute, with equal jitter: a third party that is down is not forgotten. */
const retryMs = (attempts: number, chance: number): number => Math.min(30_000, 500 * 2 ** Math.min(attempts, 10)) * (0.5 + chance / 2);
const markOf = ({ operation, key }: Keyed): string => `${operation} ${key}`;

export function externals(parts: Parts): Externals {
  const { store, runtime, owner } = parts;
  const { clock, observe } = runtime;
  /** What this process is at; the database alone cannot tell, since the intents are all its own. */
  const busy = new Map<string, Promise<unknown>>();
  const stopping = new AbortController();
  const cut = new AbortController();
  let polling: Promise<void> = Promise.resolve();

  /** The first transaction: the recorded answer, or an intent that is now this worker's to drive. */
  async function intend(call: Received, handler: AnyExternal): Promise<{ readonly answer: Answer } | { readonly intent: Intent }> {
    let work: Unit | undefined;
    const result = await store.transaction(
      async (tx) => {
        work = undefined;
        const own = store.own(tx);
        await refuseUndone(own, call);
        const answer = await recorded(own, call);
        if (answer) return { answer };
        const open = await openIntent(own, call, owner.dead(), owner.id);
        if (open && !open.free)
          throw new KeyInProgress(`${markOf(call)} is still in progress elsewhere: ask again soon`, { retryAfterMs: 1000 });
        if (open) {
          await take(own, call, owner.id);
          return { intent: open.intent };
        }
        const fresh = unit(parts.collectors, tx);
        const context = changing(parts, tx, fresh, call.input);
        if (call.attempt.undoes !== undefined) await bury(own, call.attempt.undoes, context.now);
        try {
          const intended = await own.savepoint(async () => {
            const value = await handler.before(context);
            await fresh.write(own);
            return value;
          });
          const { operation, key, fingerprint, input } = call;
          const intent: Intent = { operation, key, fingerprint, input, intent: intended ?? null, since: context.now, attempts: 0 };
          await keep(own, intent, owner.id, context.now + 2 * patienceMs(handler));
          work = fresh;
          return { intent };
        } catch (error) {
          const declared = await declaredOf(call.attempt.operation, error);
          await record(own, call, declared, context.now);
          return { answer: declared };
        }
      },
      { signal: call.signal },
    );
    work?.committed();
    return result;
  }

  /** Without a transaction: one run of `do`, after which its outcome is known or it is due again. */
  async function reach(intent: Intent, handler: AnyExternal): Promise<unknown> {
    const late = (): unknown => new DeadlineExceeded(`${markOf(intent)} gave no outcome within ${handler.timeout ?? '30s'}`);
    const within = scope({ clock, parents: [cut.signal], timeout: { ms: patienceMs(handler), reason: late } });
    const context: Reaching<unknown, unknown> = { ...intent, now: clock.now(), newId: runtime.ids.next, signal: within.signal };
    try {
      return await orAborted(Promise.resolve(handler.do(context as Reaching<unknown, never>)), within.signal);
    } catch (cause) {
      if (cut.signal.aborted) throw cause;
      const wait = retryMs(intent.attempts, runtime.random.next());
      await store.transaction((tx) => postpone(store.own(tx), intent, owner.id, clock.now() + wait));
      observe.count('seaworthy_external_postponed_total', { operation: intent.operation });
      observe.log('warn', `${intent.operation} gave no outcome, it is tried again`, {
        key: intent.key,
        attempts: intent.attempts + 1,
        error: cause,
      });
      throw new OutcomePending(`${intent.operation} has no outcome yet; it is driven on, and a repeat under the same key will be told`, {
        cause,
        retryAfterMs: wait,
      });
    } finally {
      within.end();
    }
  }

  /** The second transaction: outcome, events and answer; the intent is no more. */
  async function conclude(intent: Intent, outcome: unknown): Promise<Answer> {
    const { operation, handler } = parts.operationOf(intent.operation);
    let work: Unit | undefined;
    const answer = await store.transaction(async (tx): Promise<Answer> => {
      work = undefined;
      const own = store.own(tx);
      if (!(await settle(own, intent, owner.id)))
        throw new KeyInProgress(`${markOf(intent)} was taken over by another worker`, { retryAfterMs: 1000 });
      try {
        await refuseUndone(own, intent);
      } catch (error) {
        if (error instanceof StepUndone) return { kind: 'problem', problem: problemOf(error) };
        throw error;
      }
      const fresh = unit(parts.collectors, tx);
      const context = { ...changing(parts, tx, fresh, intent.input), intent: intent.intent as never, outcome: outcome as never };
      const result = await answerOnce({ operation, call: intent, own, work: fresh, now: context.now }, () => handler.after(context));
      work = fresh;
      return result;
    });
    work?.committed();
    return answer;
  }

  async function drive(intent: Intent, handler: AnyExternal): Promise<Answer> {
    runtime.reached('external/do/before');
    const outcome = await reach(intent, handler);
    runtime.reached('external/do/after');
    return conclude(intent, outcome);
  }

  /** Keeps others in this process off the same key until `work` has settled. */
  function alone<T>(call: Keyed, work: () => Promise<T>): Promise<T> {
    const mark = markOf(call);
    if (busy.has(mark)) throw new KeyInProgress(`${mark} is still in progress: ask again soon`, { retryAfterMs: 1000 });
    const done = work().finally(() => busy.delete(mark));
    busy.set(mark, done);
    return done;
  }

  /** Takes over what is due, then drives it unless it is being driven already. */
  async function claim(): Promise<void> {
    const now = clock.now();
    const intents = await store.transaction(async (tx) => {
      const own = store.own(tx);
      const found = await dueIntents(own, now, owner.dead(), owner.id, batch);
      for (const intent of found) await take(own, intent, owner.id);
      return found;
    });
    for (const intent of intents) {
      if (busy.has(markOf(intent))) continue;
      // Its failure is logged and counted where it happens, and the intent stays due.
      alone(intent, () => drive(intent, parts.operationOf(intent.operation).handler)).catch(() => {});
    }
  }

  async function poll(): Promise<void> {
    while (!stopping.signal.aborted) {
      try {
        await claim();
      } catch (error) {
        observe.log('error', 'open intents could not be read, they are looked for again', { error });
      }
      await sleep(clock, pollMs, stopping.signal, { background: true }).catch(() => {});
    }
  }

  return {
    async run(call, handler) {
      if (stopping.signal.aborted)
        throw new ServiceUnready(`${call.operation} is not begun: the service is stopping`, { retryAfterMs: 1000 });
      return alone(call, async () => {
        const result = await intend(call, handler);
        return 'answer' in result ? result.answer : drive(result.intent, handler);
      });
    },
    begin() {
      polling = poll();
    },
    async close(signal) {
      stopping.abort(new ServiceUnready('the service is stopping'));
      const stop = (): void => cut.abort(new ServiceUnready('the service stopped before there was an outcome'));
      signal?.addEventListener('abort', stop, { once: true });
      if (signal?.aborted) stop();
      await polling;
      await Promise.allSettled(busy.values());
      signal?.removeEventListener('abort', stop);
    },
  };
}
