import { silent } from '../core/observe.ts';
import type { Runtime } from '../core/runtime.ts';
import { enrol } from './census.ts';
import { atLeast, BulkheadFull } from './errors.ts';

export interface BulkheadOptions {
  /** Work at one time. */
  readonly limit: number;
  /** How many may wait for a slot, in order. Default as many as `limit`. */
  readonly queue?: number;
  /** In metrics and messages. Default `bulkhead`. */
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
  #handing = false;
  #runtime: Runtime | undefined;
  #leaveGauges: (() => void) | undefined;

  constructor(options: BulkheadOptions) {
    this.name = options.name ?? 'bulkhead';
    this.limit = atLeast(1, options.limit, 'bulkhead limit');
    this.queue = atLeast(0, options.queue ?? this.limit, 'bulkhead queue');
  }

  /** Slots taken: by work that has not settled, though its caller may have been answered. */
  get running(): number {
    return this.#running;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /**
   * Reports to this runtime from now on, unless it does to another already. The policy that it stands in does this. Returns how
   * to end it.
   */
  attach(runtime: Runtime): () => void {
    if (this.#runtime || runtime.observe.gauge === silent.gauge) return () => {};
    this.#runtime = runtime;
    const attributes = { bulkhead: this.name };
    this.#leaveGauges = enrol<Bulkhead>(
      runtime.observe,
      `bulkhead ${this.name}`,
      [
        { name: 'seaworthy_bulkhead_running', attributes, of: ({ running }) => running },
        { name: 'seaworthy_bulkhead_waiting', attributes, of: ({ waiting }) => waiting },
      ],
      this,
    );
    return () => {
      if (this.#runtime !== runtime) return;
      this.dispose();
      this.#runtime = undefined;
    };
  }

  /** Leaves the gauges. It works on. */
  dispose(): void {
    this.#leaveGauges?.();
    this.#leaveGauges = undefined;
  }

  /** A slot at once, or none. Nobody overtakes the queue. */
  tryEnter(): boolean {
    if (this.#running >= this.limit || this.#waiting.size > 0) return false;
    this.#running++;
    return true;
  }

  /** Joins the queue. `enter` is called with a slot taken, and must not throw; the way out of the queue is returned. Throws `BulkheadFull`. */
  wait(enter: () => void): () => void {
    if (this.#waiting.size >= this.queue) {
      this.#runtime?.observe.count('seaworthy_bulkhead_rejected_total', { bulkhead: this.name });
      throw new BulkheadFull(`bulkhead ${this.name} is full (${this.limit} running, ${this.queue} queued): try again later`);
    }
    this.#waiting.add(enter);
    return () => void this.#waiting.delete(enter);
  }

  /** Gives a slot back, and to the first in the queue if there is one. */
  leave(): void {
    this.#running--;
    // One who enters may leave at once: the loop below goes on for him, or a long queue would be a deep stack.
    if (this.#handing || this.#waiting.size === 0) return;
    this.#handing = true;
    for (const enter of this.#waiting) {
      if (this.#running >= this.limit) break;
      this.#waiting.delete(enter);
      this.#running++;
      enter();
    }
    this.#handing = false;
  }
}

/** Makes a bulkhead. It may stand in several policies; they then share its slots. Throws `PolicyInvalid`. */
export const bulkhead = (options: BulkheadOptions): Bulkhead => new Bulkhead(options);
