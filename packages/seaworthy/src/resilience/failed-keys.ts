const limit = 200;
const idleMs = 600_000;

/** The keys under which work failed lately: at most 200, each for at most ten minutes, without timers. */
export class FailedKeys {
  /** The time of the last failure of each key, in the order of these times. */
  readonly #keys = new Map<string, number>();

  /** Records a failure under `key`. Returns whether the key had failed lately before. */
  failed(key: string, now: number): boolean {
    const before = this.#keys.get(key);
    this.#keys.delete(key);
    this.#keys.set(key, now);
    for (const [oldest, at] of this.#keys) {
      if (this.#keys.size <= limit && now - at < idleMs) break;
      this.#keys.delete(oldest);
    }
    return before !== undefined && now - before < idleMs;
  }

  /** Forgets a key under which work succeeded. */
  succeeded(key: string): void {
    this.#keys.delete(key);
  }
}
