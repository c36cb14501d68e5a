import { orAborted } from './abort.ts';
import { type Backoff, backoffMs } from './backoff.ts';
import type { Runtime } from './runtime.ts';
import { sleep } from './sleep.ts';
import { wakeup } from './wakeup.ts';

/** Work in the background that is repeated: when it is woken, when its time has come, and after a failure. */
export interface Loop {
  /** Starts the next turn at once. A wake-up during a turn counts for the next one; after a failure the backoff ends first. */
  wake(): void;
  /** Begins no further turn and waits for the running one, at most until `signal` aborts. It never rejects. */
  close(signal?: AbortSignal): Promise<void>;
}

export interface LoopDeps {
  readonly runtime: Runtime;
  /** Names the loop in the log and in the metric `seaworthy_loop_failures_total`. */
  readonly name: string;
  /**
   * Does one turn and returns the milliseconds to wait for the next one, unless the loop is woken; 0 continues at once. `closing`
   * aborts when the loop is closed: a turn that fails from then on is not reported.
   */
  readonly turn: (closing: AbortSignal) => Promise<number>;
  /** Milliseconds before the first turn, unless the loop is woken. Default 0. */
  readonly delayMs?: number;
  /** Between turns that fail. Default 100 ms doubling to 10 s, with full jitter. */
  readonly backoff?: Backoff;
  /** Added to what is logged and counted, such as the topic that the loop serves. */
  readonly attributes?: Readonly<Record<string, string>>;
}

const defaultBackoff: Backoff = { baseMs: 100, capMs: 10_000, jitter: 'full' };

/** Starts a loop. A turn that fails is logged, counted and repeated; it never ends the loop. */
export function loop({ runtime, name, turn, delayMs = 0, backoff = defaultBackoff, attributes = {} }: LoopDeps): Loop {
  const { clock, random, observe } = runtime;
  const closing = new AbortController();
  const { signal } = closing;
  const woken = wakeup(clock);

  async function failed(error: unknown, failures: number): Promise<void> {
    const waitMs = backoffMs(backoff, failures, random);
    observe.count('seaworthy_loop_failures_total', { ...attributes, loop: name });
    observe.log('error', `${name} failed; retrying`, { ...attributes, error, failures, waitMs });
    await sleep(clock, waitMs, signal, { background: true }).catch(() => {});
  }

  async function run(): Promise<void> {
    if (delayMs > 0) await woken.wait(delayMs, signal);
    for (let failures = 0; !signal.aborted; ) {
      try {
        const waitMs = await turn(signal);
        failures = 0;
        if (waitMs > 0) await woken.wait(waitMs, signal);
      } catch (error) {
        if (signal.aborted) return;
        await failed(error, ++failures);
      }
    }
  }

  const running = run();
  return {
    wake: woken.notify,
    async close(cut) {
      closing.abort();
      if (cut) await orAborted(running, cut).catch(() => {});
      else await running;
    },
  };
}
