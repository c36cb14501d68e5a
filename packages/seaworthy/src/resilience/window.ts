const buckets = 10;

/**
 * The counts of calls within the last `windowMs`, in a ring of ten buckets. Each call costs the same, and there are no timers and no list
 * of latencies. Expired buckets are dropped before each use, so that calls from before an idle time do not count.
 */
export class Window {
  readonly #bucketMs: number;
  /** The calls, failures and slow calls of each bucket in turn. One flat array keeps a breaker small. */
  readonly #ring: number[] = new Array(3 * buckets).fill(0);
  #newest = 0;
  calls = 0;
  failures = 0;
  slow = 0;

  constructor(windowMs: number) {
    this.#bucketMs = windowMs / buckets;
  }

  /** Drops the buckets that are older than the window. */
  advance(now: number): void {
    const bucket = Math.floor(now / this.#bucketMs);
    const passed = Math.min(buckets, bucket - this.#newest);
    if (passed <= 0) return;
    const ring = this.#ring;
    for (let step = 0; step < passed; step++) {
      const index = 3 * ((bucket - step) % buckets);
      this.calls -= ring[index] as number;
      this.failures -= ring[index + 1] as number;
      this.slow -= ring[index + 2] as number;
      ring.fill(0, index, index + 3);
    }
    this.#newest = bucket;
  }

  add(now: number, failed: boolean, slow: boolean): void {
    this.advance(now);
    const index = 3 * (this.#newest % buckets);
    const ring = this.#ring;
    this.calls++;
    (ring[index] as number)++;
    if (failed) {
      this.failures++;
      (ring[index + 1] as number)++;
    }
    if (slow) {
      this.slow++;
      (ring[index + 2] as number)++;
    }
  }

  clear(): void {
    this.#ring.fill(0);
    this.#newest = 0;
    this.calls = 0;
    this.failures = 0;
    this.slow = 0;
  }
}
