const limit = 200;
const idleMs = 600_000;

/** The keys under which work failed lately: at most 200 of them, and none longer than ten minutes. It needs no timers. */
export class Repeats {
  /** When each failed last, in that order. */
  readonly #keys = new Map<string, number>();

  /** Notes that work under `key` failed. Returns whether it had failed lately before. */
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

  succeeded(key: string): void {
    this.#keys.delete(key);
  }
}
