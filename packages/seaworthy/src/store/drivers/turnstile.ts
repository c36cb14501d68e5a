import { orAborted } from '../../core/abort.ts';
import type { Clock } from '../../core/clock.ts';

/** The longest wait until everybody else has left. */
const patienceMs = 1000;

/**
 * Lets transactions run beside each other until one asks to be alone. A long transaction loses every conflict against short ones, for ever;
 * alone in its process it loses only against other processes.
 */
export class Turnstile {
  readonly #clock: Clock;
  readonly #waiting = new Set<() => void>();
  #inside = 0;
  #alone = 0;
  #emptied = (): void => {};

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Resolves once nobody is alone or about to be. Call `leave` afterwards. Rejects with the signal's reason if it aborts first. */
  enter(signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const admit = (): void => {
        signal?.removeEventListener('abort', abort);
        this.#inside++;
        resolve();
      };
      const abort = (): void => {
        this.#waiting.delete(admit);
        reject(signal?.reason);
      };
      if (signal?.aborted) return abort();
      if (this.#alone === 0) return admit();
      this.#waiting.add(admit);
      signal?.addEventListener('abort', abort, { once: true });
    });
  }

  leave(): void {
    this.#inside--;
    if (this.#inside <= 1) this.#emptied();
  }

  /**
   * Runs `work` of somebody who is inside while the others are not; they have a second to leave. Those who ask together run together.
   * Rejects with the signal's reason if it aborts before the work begins.
   */
  async alone<V>(work: () => Promise<V>, signal?: AbortSignal): Promise<V> {
    const first = this.#alone++ === 0;
    try {
      if (first && this.#inside > 1) await this.#empty(signal);
      return await work();
    } finally {
      this.#alone--;
      if (this.#alone === 0) for (const admit of this.#waiting) admit();
      if (this.#alone === 0) this.#waiting.clear();
    }
  }

  #empty(signal?: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = this.#clock.after(patienceMs, resolve, { background: true });
    this.#emptied = resolve;
    return (signal ? orAborted(promise, signal) : promise).finally(() => {
      timer.cancel();
      this.#emptied = () => {};
    });
  }
}
