import type { Answer } from '../../contract/answer.ts';
import { scope } from '../../core/abort.ts';
import { copied } from '../../core/copy.ts';
import { DeadlineExceeded } from '../../core/deadline.ts';
import { sleep } from '../../core/sleep.ts';
import { readable } from '../../core/thrown.ts';
import { aside } from '../../store/damaged.ts';
import type { Most } from '../../store/read-some.ts';
import type { Read } from '../../store/store.ts';
import { nameOf } from '../answer.ts';
import type { Received } from '../command.ts';
import type { ExternalContext } from '../context.ts';
import { IntentStranded, KeyInProgress, OutcomePending, ServiceUnready } from '../errors.ts';
import { type AnyExternal, patienceMs } from '../handler.ts';
import type { Keyed } from '../idempotency.ts';
import { completed } from '../kept.ts';
import { complete } from './complete.ts';
import { dueIntents, hold, type Intent, isSuspect, markOf, postpone, take } from './intent-table.ts';
import { type ExternalParts, type Known, prepare } from './prepare.ts';
import { externalSuspects } from './suspects.ts';

/** The external commands of one service: what they intend is driven to an outcome, whoever still waits for it. */
export interface Externals {
  /** Answers once the outcome is committed; the work goes on when the caller leaves. */
  run(call: Received, handler: AnyExternal): Promise<Answer>;
  /** Looks whether this code knows the command of every open intent; changes nothing. Throws `IntentStranded`. */
  verify(): Promise<void>;
  /** Drives what is due and what a dead worker left behind, until `close`. */
  begin(): void;
  /** Begins nothing new and waits for what runs; what `signal` cuts short is driven on after the next start. */
  close(signal?: AbortSignal): Promise<void>;
}

const pollMs = 1000;
const batch = 64;
/** No more is taken up of one command while so much of it is in hand; all commands share the bytes. */
const inHand: Most = { rows: 256, bytes: 8 * 2 ** 20 };
const longestRetryMs = 30_000;
/** Exponential from half a second to half a minute, with equal jitter: a third party that is down is not forgotten. */
const retryMs = (attempts: number, chance: number): number =>
  Math.min(longestRetryMs, 500 * 2 ** Math.min(attempts, 10)) * (0.5 + chance / 2);

export function externals(parts: ExternalParts): Externals {
  const { store, runtime, owner } = parts;
  const { clock, observe } = runtime;
  /** What this process is at; the database alone cannot tell, since the intents are all its own. */
  const busy = new Map<string, Promise<unknown>>();
  /** No intent is due later: while it is driven, or waits to be driven again. */
  const longestMs = Math.max(longestRetryMs, ...[...parts.known.values()].map(({ handler }) => 2 * patienceMs(handler)));
  const stopping = new AbortController();
  const cut = new AbortController();
  const damaged = aside('sw_intent', runtime);
  /** What was taken up and is in hand. */
  const loads = new Map<string, { rows: number; bytes: number }>();
  let polling: Promise<void> = Promise.resolve();
  let removeGauge = (): void => {};

  /** Another run of `do` is due after a while. Returns the milliseconds. */
  async function later(intent: Intent, { operation: at }: Known, error: unknown, what: string): Promise<number> {
    const operation = nameOf(at);
    const { key, attempts } = intent;
    const wait = retryMs(attempts, runtime.random.next());
    await store.transaction((tx) => postpone(store.sql(tx), intent, owner.id, clock.now() + wait));
    observe.count('seaworthy_external_postponed_total', { operation });
    observe.log('warn', `${operation} ${what}, it is tried again`, { key, attempts: attempts + 1, error }, intent.trace);
    return wait;
  }

  /** Without a transaction: one run of `do`, after which its outcome is known or it is due again. */
  async function reach(intent: Intent, known: Known): Promise<unknown> {
    const { operation, handler } = known;
    const place = { kind: 'client', root: true, parent: intent.trace } as const;
    const span = observe.span('seaworthy_external_do', { operation: nameOf(operation) }, place);
    const late = (): unknown => new DeadlineExceeded(`${markOf(intent)} gave no outcome within ${handler.timeout ?? '30s'}`);
    const within = scope({ clock, parents: [cut.signal], timeout: { ms: patienceMs(handler), reason: late } });
    const begun = { now: clock.now(), newId: runtime.ids.next, trace: span.trace };
    // What `do` makes of them `after` does not see, as it would not after a crash.
    const seen = { input: copied(intent.input), intent: copied(intent.intent) };
    const context: ExternalContext<unknown, unknown> = { ...intent, ...seen, ...begun, signal: within.signal };
    try {
      const running = span.run(() => Promise.resolve(handler.do(context as ExternalContext<unknown, never>)));
      const outcome = await within.race(running);
      span.end('done');
      return outcome;
    } catch (thrown) {
      const cause = readable(thrown);
      if (cut.signal.aborted) {
        span.end('cut');
        throw cause;
      }
      span.end('unknown', cause);
      const retryAfterMs = await later(intent, known, cause, 'gave no outcome');
      throw new OutcomePending(`${intent.operation} has no outcome yet; it is driven on, and a repeat under the same key will be told`, {
        cause,
        retryAfterMs,
      });
    } finally {
      within.end();
    }
  }

  async function drive(begun: Intent, known: Known): Promise<Answer> {
    const intent = { ...begun, input: await completed(known.operation, begun.input) };
    runtime.reached('external/do/before');
    const outcome = await reach(intent, known);
    runtime.reached('external/do/after');
    try {
      return await complete(parts, known, intent, outcome, cut.signal);
    } catch (error) {
      if (!cut.signal.aborted && !(error instanceof KeyInProgress))
        await later(intent, known, error, 'has an outcome that could not be written');
      throw error;
    }
  }

  /** Keeps others in this process off the same key until `work` has settled. */
  function exclusively<T>(call: Keyed, work: () => Promise<T>): Promise<T> {
    const mark = markOf(call);
    if (busy.has(mark)) throw new KeyInProgress(`${mark} is still in progress: ask again soon`, { retryAfterMs: 1000 });
    const done = work().finally(() => busy.delete(mark));
    busy.set(mark, done);
    return done;
  }

  const suspects = externalSuspects({ ...parts, longestMs, damaged, busy, cut: cut.signal, exclusively, drive });

  function loadOf(operation: string): { rows: number; bytes: number } {
    const load = loads.get(operation) ?? { rows: 0, bytes: 0 };
    loads.set(operation, load);
    return load;
  }

  function roomOf(operation: string): Most {
    const load = loadOf(operation);
    return { rows: Math.min(batch, inHand.rows - load.rows), bytes: inHand.bytes / parts.known.size - load.bytes };
  }

  /** Takes over what is due, then drives it unless it is being driven already. */
  async function claim(): Promise<void> {
    const now = clock.now();
    const due = (read: Read, operations: readonly string[], most: Most): ReturnType<typeof dueIntents> =>
      dueIntents(read, operations, { dialect: store.dialect, now, longestMs, dead: owner.dead(), owner: owner.id, most, aside: damaged });
    // What only other code knows is left to that code.
    const operations = [...parts.known.keys()].filter((operation) => roomOf(operation).rows > 0 && roomOf(operation).bytes > 0);
    // Most of the time there is none, and nobody's writing need wait for that to be seen.
    if (operations.length === 0 || (await due(store.sqlRead, operations, { ...inHand, rows: 1 })).length === 0) return;
    let fresh: { readonly intent: Intent; readonly crashes: number }[] = [];
    const intents = await store.transaction(async (tx) => {
      const own = store.sql(tx);
      // Some of each: a crowd at a third party that is down keeps nobody from another one.
      const found: Awaited<ReturnType<typeof due>>[number][] = [];
      for (const operation of operations) found.push(...(await due(own, [operation], roomOf(operation))));
      const mine: { readonly intent: Intent; readonly known: Known; readonly bytes: number }[] = [];
      fresh = [];
      for (const { intent, bytes, crashes } of found) {
        const known = parts.known.get(intent.operation) as Known;
        if (busy.has(markOf(intent))) continue;
        if (isSuspect(crashes)) {
          await hold(own, intent, owner.id, now, crashes);
          fresh.push({ intent, crashes });
        } else {
          await take(own, intent, owner.id, now + 2 * patienceMs(known.handler), crashes);
          mine.push({ intent, known, bytes });
        }
      }
      return mine;
    });
    for (const { intent, crashes } of fresh)
      observe.log('error', `${markOf(intent)} may be what kills its processes: it is driven alone`, { crashes }, intent.trace);
    // A call under the same key may have come first. Other failures are logged and counted where they happen; the intent is kept.
    for (const { intent, known, bytes } of intents) {
      if (busy.has(markOf(intent))) continue;
      const load = loadOf(intent.operation);
      load.rows++;
      load.bytes += bytes;
      exclusively(intent, () => drive(intent, known))
        .catch(() => {})
        .finally(() => {
          load.rows--;
          load.bytes -= bytes;
        });
    }
  }

  async function poll(): Promise<void> {
    while (!stopping.signal.aborted) {
      try {
        await claim();
        await suspects.claim();
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
      return exclusively(call, async () => {
        const result = await prepare(parts, call, handler);
        return 'answer' in result ? result.answer : drive(result.intent, { operation: call.attempt.operation, handler });
      });
    },
    async verify() {
      const open = await store.sqlRead.all('select operation, count(*) as n from sw_intent group by operation order by operation');
      const stranded = open.filter((row) => !parts.known.has(String(row['operation'])));
      if (stranded.length > 0) {
        const names = stranded.map((row) => `${row['operation']} (${row['n']})`).join(', ');
        throw new IntentStranded(
          `there are open intents of ${names}, which is no external command of this code: run the code that began them until they have an outcome, or keep the command`,
        );
      }
    },
    begin() {
      if (parts.known.size === 0) return;
      removeGauge = observe.gauge('seaworthy_external_suspect', {}, () => suspects.count);
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
      removeGauge();
    },
  };
}
