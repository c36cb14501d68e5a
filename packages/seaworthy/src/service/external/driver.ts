import type { Answer } from '../../contract/answer.ts';
import type { Scope } from '../../core/abort.ts';
import { type Backoff, backoffMs } from '../../core/backoff.ts';
import { together } from '../../core/ends.ts';
import { type Amount, InFlight, type RunOptions } from '../../core/in-flight.ts';
import { type Loop, loop } from '../../core/loop.ts';
import { isA } from '../../core/thrown.ts';
import { type Aside, aside } from '../../store/damaged.ts';
import { StoreUnavailable } from '../../store/errors.ts';
import { fenced } from '../../store/fenced.ts';
import type { Most } from '../../store/read-some.ts';
import type { Tx } from '../../store/store.ts';
import { nameOf } from '../answer.ts';
import type { Received } from '../command.ts';
import { IntentStranded, KeyInProgress, OutcomePending, ServiceUnready } from '../errors.ts';
import { type AnyExternal, timeoutMs } from '../handler.ts';
import { withDefaults } from '../older-code.ts';
import { attempt } from './attempt.ts';
import { type Claiming, type Claims, claimDue, claimOrphans, findWork } from './claim.ts';
import { complete } from './complete.ts';
import { type Intent, type IntentKey, markOf, postpone, putBack } from './intent-table.ts';
import { type ExternalCommand, type ExternalDeps, prepare } from './prepare.ts';
import { type ExternalSuspects, externalSuspects } from './suspects.ts';

/** The wait before the next look while something cannot be claimed that is due. */
const soonMs = 1000;
/** The wait where nothing is due. A postponed intent, and the end of another worker, wake the driver earlier. */
const restMs = 10_000;
/** So many intents of one command are claimed at one time. */
const batch = 64;
/** No more intents are claimed while so much is in flight: rows of each command, bytes of all together. */
const most: Amount = { rows: 256, bytes: 8 * 2 ** 20 };
const backoff: Backoff = { baseMs: 500, capMs: 30_000, jitter: 'equal' };

/** The external commands of one service: every intent is driven to an outcome, whether or not its caller still waits. */
export class ExternalDriver {
  readonly #deps: ExternalDeps;
  readonly #inFlight: InFlight;
  readonly #suspects: ExternalSuspects;
  readonly #aside: Aside;
  readonly #longestMs: number;
  #turns: Loop | undefined;
  #stops: readonly (() => void)[] = [];
  #removeGauge = (): void => {};

  constructor(deps: ExternalDeps) {
    const { runtime, commands } = deps;
    this.#deps = deps;
    this.#inFlight = new InFlight({ clock: runtime.clock, most: { ...most, bytes: most.bytes / Math.max(1, commands.size) } });
    this.#aside = aside('sw_intent', runtime);
    this.#longestMs = Math.max(backoff.capMs, ...[...commands.values()].map(({ handler }) => 2 * timeoutMs(handler)));
    this.#suspects = externalSuspects({
      ...deps,
      inFlight: this.#inFlight,
      claiming: () => this.#claiming(),
      drive: (intent, command, term, within) => this.#drive(intent, command, term, within),
    });
  }

  /** Answers a call once its outcome is committed. The work continues when the caller leaves. Throws `ServiceUnready` after `close`. */
  async run(call: Received, handler: AnyExternal): Promise<Answer> {
    if (this.#inFlight.closing.aborted)
      throw new ServiceUnready(
        `${call.operation} was not begun, because the service is stopping: call another instance, or the same one later`,
        { retryAfterMs: 1000 },
      );
    return this.#exclusively(call, async (within) => {
      const term = this.#deps.owner.term();
      const prepared = await prepare(this.#deps, call, handler);
      const command = { operation: call.request.operation, handler };
      return 'answer' in prepared ? prepared.answer : this.#drive(prepared.intent, command, term, within);
    });
  }

  /** Checks whether this code has the command of every open intent; changes nothing. Throws `IntentStranded`. */
  async verify(): Promise<void> {
    const { store, commands } = this.#deps;
    const open = await store.sqlRead.all('select operation, count(*) as n from sw_intent group by operation order by operation');
    const stranded = open.filter((row) => !commands.has(String(row['operation'])));
    if (stranded.length === 0) return;
    const names = stranded.map((row) => `${row['operation']} (${row['n']})`).join(', ');
    throw new IntentStranded(
      `there are open intents of ${names}, which is not an external command of this code: run the code that began them until they have an outcome, or keep the command`,
    );
  }

  /** Drives intents that are due, and those of dead workers, until `close`. */
  begin(): void {
    const { runtime, commands, owner } = this.#deps;
    if (commands.size === 0) return;
    this.#removeGauge = runtime.observe.gauge('seaworthy_external_suspect', {}, () => this.#suspects.count);
    const turns = loop({ runtime, name: 'external', turn: () => this.#turn() });
    this.#turns = turns;
    this.#stops = [owner.onTerm(turns.wake), owner.onGone(turns.wake)];
  }

  /** Begins nothing new and waits for what runs. When `signal` aborts, what still runs is aborted: the next start drives it. */
  async close(signal?: AbortSignal): Promise<void> {
    for (const stop of this.#stops) stop();
    await together([this.#turns?.close(), this.#inFlight.close(signal)]);
    // The last turn may have begun more.
    await this.#inFlight.close(signal);
    this.#removeGauge();
  }

  #claiming(): Claiming {
    const { owner, runtime } = this.#deps;
    return { owner, now: runtime.clock.now(), longestMs: this.#longestMs, aside: this.#aside };
  }

  /** Runs work under the key of an intent, which no other work of this process does meanwhile. */
  #exclusively<V>(call: IntentKey, work: (within: Scope) => Promise<V>, options?: RunOptions): Promise<V> {
    const mark = markOf(call);
    if (this.#inFlight.has(mark))
      throw new KeyInProgress(`${mark} is still in progress: repeat the call after a while`, { retryAfterMs: 1000 });
    return this.#inFlight.run(mark, work, options);
  }

  /** Claims and drives what is due, and what dead workers left. Returns the milliseconds until the next look. */
  async #turn(): Promise<number> {
    const { owner, store, runtime, commands } = this.#deps;
    if (owner.term() === undefined) return restMs;
    const now = runtime.clock.now();
    const { next, dead, suspects } = await findWork(store.sqlRead, [...commands.keys()], this.#claiming());
    let claimed = 0;
    for (const [operation, { due, far }] of next)
      if (due <= now || far)
        claimed += await this.#claim(operation, async (tx, again, room) => {
          const own = await claimDue(tx, { operation, far: due > now }, again, this.#claiming(), room);
          return { claimed: own, suspects: [] };
        });
    for (const worker of dead)
      for (const operation of commands.keys())
        claimed += await this.#claim(operation, (tx, again, room) =>
          claimOrphans(tx, { operation, worker }, again, this.#claiming(), room),
        );
    await this.#suspects.claim(suspects);
    if (claimed > 0) return 0;
    if (dead.length > 0 || suspects > 0) return soonMs;
    return Math.min(restMs, ...[...next.values()].map(({ due, far }) => (due <= now || far ? soonMs : due - now)));
  }

  /** Claims and drives intents of a command. Each has room of its own: one whose third party is down does not hold up the others. */
  async #claim(name: string, claim: (tx: Tx, again: number, room: Most) => Promise<Claims>): Promise<number> {
    const { store, runtime, commands, owner } = this.#deps;
    const command = commands.get(name) as ExternalCommand;
    const room = this.#inFlight.room(name);
    if (room.rows <= 0 || room.bytes <= 0) return 0;
    const term = owner.term();
    const { claimed, suspects } = await store.transaction(
      (tx) => claim(store.sql(tx), runtime.clock.now() + 2 * timeoutMs(command.handler), { ...room, rows: Math.min(batch, room.rows) }),
      fenced,
    );
    for (const { intent, crashes } of suspects) {
      const { operation, key, trace } = intent;
      const attributes = { operation, key, crashes };
      runtime.observe.log('error', 'an external command may be what kills its processes; running it alone', attributes, trace);
    }
    for (const { intent, bytes } of claimed) {
      // A call under the same key may have come first.
      if (this.#inFlight.has(markOf(intent))) continue;
      // A failure is logged and counted where it happens, and the intent is kept.
      this.#exclusively(intent, (within) => this.#drive(intent, command, term, within), { load: { kind: name, bytes } })
        .catch(() => {})
        .finally(() => this.#turns?.wake());
    }
    return claimed.length;
  }

  /**
   * Runs `do`, then writes its outcome. Whatever fails is repeated later, except when the process goes down. `do` does not begin after the
   * `term` in which the intent was claimed: another process may have it.
   */
  async #drive(begun: Intent, command: ExternalCommand, term: number | undefined, within: Scope): Promise<Answer> {
    const { runtime, store, owner } = this.#deps;
    const intent = { ...begun, input: await withDefaults(command.operation, begun.input) };
    runtime.reached('external/do/before');
    if (term === undefined || owner.term() !== term) {
      await store.transaction((tx) => putBack(store.sql(tx), intent, owner.id, runtime.clock.now()), fenced);
      this.#turns?.wake();
      throw new KeyInProgress(`${markOf(intent)} was not begun, because this process missed a heartbeat: repeat the call after a while`, {
        retryAfterMs: 1000,
      });
    }
    const outcome = await attempt(runtime, command, intent, within).catch(async (cause: unknown) => {
      if (within.aborted) throw cause;
      const retryAfterMs = await this.#postpone(intent, command, cause, '`do` gave no outcome; repeating it');
      throw new OutcomePending(
        `${markOf(intent)} has no outcome yet: it is driven to one, and a repeat under the same key gets the answer`,
        { cause, retryAfterMs },
      );
    });
    runtime.reached('external/do/after');
    try {
      return await complete(this.#deps, command, intent, outcome, within);
    } catch (error) {
      if (!within.aborted && !(error instanceof KeyInProgress))
        await this.#postpone(intent, command, error, 'the outcome of `do` could not be written; repeating `do`');
      throw error;
    }
  }

  /**
   * Makes the intent due again after a backoff. Returns the milliseconds until then. A database that was not available says nothing
   * about the run, which then counts as none; while it is not, the intent keeps the time at which it is due anyway.
   */
  async #postpone(intent: Intent, { operation }: ExternalCommand, error: unknown, message: string): Promise<number> {
    const { store, runtime, owner } = this.#deps;
    const { clock, observe, random } = runtime;
    const failed = isA(error, StoreUnavailable) ? 0 : 1;
    const attempts = intent.attempts + failed;
    const waitMs = backoffMs(backoff, Math.max(1, attempts), random);
    const written = store.transaction((tx) => postpone(store.sql(tx), intent, owner.id, clock.now() + waitMs, failed), fenced);
    await written.catch((refused: unknown) => {
      if (!isA(refused, StoreUnavailable)) throw refused;
    });
    this.#turns?.wake();
    observe.count('seaworthy_external_postponed_total', { operation: nameOf(operation) });
    observe.log('warn', message, { operation: nameOf(operation), key: intent.key, attempts, waitMs, error }, intent.trace);
    return waitMs;
  }
}
