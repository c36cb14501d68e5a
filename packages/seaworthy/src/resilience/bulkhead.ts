import { atLeast, BulkheadFull } from './errors.ts';

export interface BulkheadOptions {
  /** Work at one time. */
  readonly limit: number;
  /** How many may wait for a slot, in order. Default as many as `limit`. */
  readonly queue?: number;
  /** In messages. Default `bulkhead`. */
  readonly name?: string;
}

/** Bounds how much work there is at one time, so that one slow callee does not take everything. */
export class Bulkhead {
  readonly kind = 'bulkhead';
  readonly name: string;
  readonly limit: number;
  readonly queue: number;
  #running = 0;
  readonly #waiting = new Set<() => void>();

  constructor(options: BulkheadOptions) {
    this.name = options.name ?? 'bulkhead';
    this.limit = atLeast(1, options.limit, 'bulkhead limit');
    this.queue = atLeast(0, options.queue ?? this.limit, 'bulkhead queue');
  }

  get running(): number {
    return this.#running;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** A slot at once, or none. */
  tryEnter(): boolean {
    if (this.#running >= this.limit) return false;
    this.#running++;
    return true;
  }

  /** Joins the queue. `enter` is called with a slot taken; the way out of the queue is returned. Throws `BulkheadFull`. */
  wait(enter: () => void): () => void {
    if (this.#waiting.size >= this.queue) {
      throw new BulkheadFull(`the bulkhead ${this.name} is full (${this.limit} running, ${this.queue} waiting): try again later`);
    }
    this.#waiting.add(enter);
    return () => void this.#waiting.delete(enter);
  }

  /** Gives a slot back: to the first in the queue, if there is one. */
  leave(): void {
    for (const enter of this.#waiting) {
      this.#waiting.delete(enter);
      enter();
      return;
    }
    this.#running--;
  }
}

/** Makes a bulkhead. It may stand in several policies; they then share its slots. Throws `PolicyInvalid`. */
export const bulkhead = (options: BulkheadOptions): Bulkhead => new Bulkhead(options);
