import type { Runtime } from '../core/runtime.ts';
import { sleep } from '../core/sleep.ts';
import { wakeup } from '../core/wakeup.ts';
import { retry } from '../resilience/retry.ts';

/** Work in the background that is done again and again: when woken, when its own time has come, and after a failure. */
export interface Loop {
  /** Takes its next turn at once; what is rung during a turn counts for the next. After a failure it waits for its backoff first. */
  wake(): void;
  /** Begins no further turn. Resolves once the one in hand is over. */
  stop(): Promise<void>;
}

export interface LoopParts {
  readonly runtime: Runtime;
  /** Names it in the log and in the metrics. */
  readonly name: string;
  /** One turn. Returns how many milliseconds to wait for the next, unless woken. */
  readonly turn: () => Promise<number>;
}

/** Between turns that fail, with full jitter. */
export const backoff = retry({
  attempts: Number.MAX_SAFE_INTEGER,
  base: '100ms',
  cap: '10s',
  when: () => true,
});

export function loop({ runtime, name, turn }: LoopParts): Loop {
  const { clock, random, observe } = runtime;
  const stopping = new AbortController();
  const woken = wakeup(clock);

  async function run(): Promise<void> {
    for (let failures = 0; !stopping.signal.aborted; ) {
      try {
        const ms = await turn();
        failures = 0;
        if (ms > 0) await woken.wait(ms, stopping.signal);
      } catch (error) {
        if (stopping.signal.aborted) return;
        failures++;
        observe.count('seaworthy_outbox_failures_total', { loop: name });
        observe.log('error', `${name} failed, and will try again`, {
          error,
          failures,
        });
        await sleep(clock, backoff.waitMs(failures, undefined, random) ?? 0, stopping.signal, { background: true }).catch(() => {});
      }
    }
  }

  const running = run();
  return {
    wake: woken.notify,
    stop() {
      stopping.abort();
      return running;
    },
  };
}
