/** Something that is left once, such as a slot. */
export type Leave = () => void;

/** Lets a limited number in at one time; the others wait in their order. */
export class Slots {
  readonly #waiting = new Set<(leave: Leave) => void>();
  #free: number;

  constructor(limit: number) {
    this.#free = limit;
  }

  /** Whether somebody who comes now has to wait. */
  get full(): boolean {
    return this.#free <= 0;
  }

  /** Resolves once there is room, with the function that leaves. Rejects with the signal's reason if it aborts first. */
  enter(signal?: AbortSignal): Promise<Leave> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      if (this.#free > 0) return resolve(this.#take());
      const abort = (): void => {
        this.#waiting.delete(admit);
        reject(signal?.reason);
      };
      const admit = (leave: Leave): void => {
        signal?.removeEventListener('abort', abort);
        resolve(leave);
      };
      this.#waiting.add(admit);
      signal?.addEventListener('abort', abort, { once: true });
    });
  }

  #take(): Leave {
    this.#free--;
    let inside = true;
    return () => {
      if (!inside) return;
      inside = false;
      this.#free++;
      const [next] = this.#waiting;
      if (!next || this.#free <= 0) return;
      this.#waiting.delete(next);
      next(this.#take());
    };
  }
}
