import type { Observe } from '../core/observe.ts';

/** Each commit by which a worker begins or closes notifies the others on this topic. */
export const workerTopic = 'seaworthy/worker';

/** The listeners of one process, by topic. */
export class Topics {
  readonly #observe: Pick<Observe, 'log'>;
  readonly #listeners = new Map<string, Set<() => void>>();

  constructor(observe: Pick<Observe, 'log'>) {
    this.#observe = observe;
  }

  /** Calls `wake` at each notice on `topic`. Returns a function that ends the listening. */
  listen(topic: string, wake: () => void): () => void {
    const listeners = this.#listeners.get(topic) ?? new Set();
    this.#listeners.set(topic, listeners);
    // The same function may listen twice.
    const listener = (): void => wake();
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
    };
  }

  /** Calls every listener. */
  notifyAll(): void {
    for (const topic of this.#listeners.keys()) this.notify(topic);
  }

  notify(topic: string): void {
    for (const listener of this.#listeners.get(topic) ?? []) {
      try {
        listener();
      } catch (error) {
        this.#observe.log('error', `a listener of the topic ${topic} failed: it must not throw`, { topic, error });
      }
    }
  }
}
