import { silent } from '../core/observe.ts';
import { checkOptions } from '../core/options.ts';
import type { Runtime } from '../core/runtime.ts';
import { atLeast, BulkheadFull } from './errors.ts';
import { register } from './shared-gauges.ts';

/** The options of a bulkhead. */
export interface BulkheadOptions {
  /** The number of calls that may run at one time. */
  readonly limit: number;
  /** The number of calls that may wait for a slot, in order. Default `limit`. */
  readonly queue?: number;
  /** The name in metrics and messages. Default `bulkhead`. */
  readonly name?: string;
}

/** A bulkhead: it bounds the calls that run at one time, so that one slow callee cannot take all resources. */
export class Bulkhead {
  readonly kind = 'bulkhead';
  readonly name: string;
  readonly limit: number;
  readonly queue: number;
  #running = 0;
  readonly #waiting = new Set<() => void>();
  #granting = false;
  #runtime: Runtime | undefined;
  #leaveGauges: (() => void) | undefined;

  constructor(options: BulkheadOptions) {
    checkOptions('bulkhead', options, { limit: true, queue: true, name: true });
    this.name = options.name ?? 'bulkhead';
    this.limit = atLeast(1, options.limit, 'bulkhead limit');
    this.queue = atLeast(0, options.queue ?? this.limit, 'bulkhead queue');
  }

  /** The number of taken slots. A slot is taken until the work settles, even if its caller has been answered. */
  get running(): number {
    return this.#running;
  }

  /** The number of queued calls. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /**
   * Reports to a runtime, unless the bulkhead has one already. Its policy calls this. Returns a function that ends it.
   */
  attach(runtime: Runtime): () => void {
    if (this.#runtime || runtime.observe.gauge === silent.gauge) return () => {};
    this.#runtime = runtime;
    const attributes = { bulkhead: this.name };
    this.#leaveGauges = register<Bulkhead>(
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

  /** Removes the bulkhead from the gauges. The bulkhead still works. */
  dispose(): void {
    this.#leaveGauges?.();
    this.#leaveGauges = undefined;
  }

  /** Does what `dispose` does. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Takes a slot if one is free and no call is queued. Returns whether it did. */
  tryEnter(): boolean {
    if (this.#running >= this.limit || this.#waiting.size > 0) return false;
    this.#running++;
    return true;
  }

  /** Joins the queue. Calls `enter`, which must not throw, once it has a slot. Returns a function that leaves the queue. Throws `BulkheadFull`. */
  wait(enter: () => void): () => void {
    if (this.#waiting.size >= this.queue) {
      this.#runtime?.observe.count('seaworthy_bulkhead_rejected_total', { bulkhead: this.name });
      throw new BulkheadFull(`bulkhead ${this.name} is full (${this.limit} running, ${this.queue} queued): try again later`);
    }
    this.#waiting.add(enter);
    return () => void this.#waiting.delete(enter);
  }

  /** Releases a slot, and gives it to the first call in the queue. */
  leave(): void {
    this.#running--;
    // Work may settle at once and call this again. The outer loop then continues; a recursion could overflow the stack.
    if (this.#granting || this.#waiting.size === 0) return;
    this.#granting = true;
    for (const enter of this.#waiting) {
      if (this.#running >= this.limit) break;
      this.#waiting.delete(enter);
      this.#running++;
      enter();
    }
    this.#granting = false;
  }
}

/** Makes a bulkhead. Several policies may share it and then share its slots. Throws `PolicyInvalid`. */
export const bulkhead = (options: BulkheadOptions): Bulkhead => new Bulkhead(options);
