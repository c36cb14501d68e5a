/** Room in memory for so many bytes: whoever finds none waits, in the order of asking. What is larger than all of it goes in alone. */
export interface Room {
  /** Resolves with what gives it back, once there is room, or once `signal` aborts. */
  take(bytes: number, signal: AbortSignal): Promise<() => void>;
}

interface Waiting {
  readonly bytes: number;
  readonly enter: () => void;
}

export function room(most: number): Room {
  const line = new Set<Waiting>();
  let taken = 0;

  function admit(): void {
    for (const one of line) {
      if (taken > 0 && taken + one.bytes > most) return;
      one.enter();
    }
  }

  return {
    take(bytes, signal) {
      const { promise, resolve } = Promise.withResolvers<() => void>();
      let inside = true;
      function leave(): void {
        if (inside) taken -= bytes;
        inside = false;
        admit();
      }
      function enter(): void {
        line.delete(one);
        signal.removeEventListener('abort', enter);
        taken += bytes;
        resolve(leave);
      }
      const one = { bytes, enter };
      line.add(one);
      signal.addEventListener('abort', enter, { once: true });
      if (signal.aborted) enter();
      admit();
      return promise;
    },
  };
}
