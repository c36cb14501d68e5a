const buckets = 10;

/**
 * Counts of the calls of the last while, in a ring of ten buckets. Every expired bucket is dropped on reading, so that
 * nothing of before a quiet hour counts. Constant cost a call, no timers, no list of latencies.
 */
export class Window {
  readonly #bucketMs: number;
  readonly #calls = new Uint32Array(buckets);
  readonly #failures = new Uint32Array(buckets);
  readonly #slow = new Uint32Array(buckets);
  #newest = 0;
  calls = 0;
  failures = 0;
  slow = 0;

  constructor(windowMs: number) {
    this.#bucketMs = windowMs / buckets;
  }

  /** Drops what is older than the window. */
  turn(now: number): void {
    const bucket = Math.floor(now / this.#bucketMs);
    if (bucket === this.#newest) return;
    const passed = Math.min(buckets, bucket - this.#newest);
    for (let step = 1; step <= passed; step++) {
      const index = (this.#newest + step) % buckets;
      this.calls -= this.#calls[index] as number;
      this.failures -= this.#failures[index] as number;
      this.slow -= this.#slow[index] as number;
      this.#calls[index] = 0;
      this.#failures[index] = 0;
      this.#slow[index] = 0;
    }
    this.#newest = bucket;
  }

  add(now: number, failed: boolean, slow: boolean): void {
    this.turn(now);
    const index = this.#newest % buckets;
    this.calls++;
    this.#calls[index] = (this.#calls[index] as number) + 1;
    if (failed) {
      this.failures++;
      this.#failures[index] = (this.#failures[index] as number) + 1;
    }
    if (slow) {
      this.slow++;
      this.#slow[index] = (this.#slow[index] as number) + 1;
    }
  }

  clear(): void {
    this.#calls.fill(0);
    this.#failures.fill(0);
    this.#slow.fill(0);
    this.calls = 0;
    this.failures = 0;
    this.slow = 0;
  }
}
