import type { Clock } from './clock.ts';

/** A signal that lives no longer than the work it is for. */
export interface Scope {
  readonly signal: AbortSignal;
  abort(reason: unknown): void;
  /** Takes its timer and its listeners away. Always call it: `AbortSignal.any` on a long-lived signal would leak. */
  end(): void;
}

export interface ScopeOptions {
  readonly clock: Clock;
  readonly parents?: readonly (AbortSignal | undefined)[];
  /** Milliseconds until it aborts by itself, with what `reason` makes. */
  readonly timeout?: { readonly ms: number; readonly reason: () => unknown };
}

/** Opens a scope that aborts with any of its parents, or when its time is over. */
export function scope({ clock, parents = [], timeout }: ScopeOptions): Scope {
  const controller = new AbortController();
  const undo: (() => void)[] = [];
  const end = (): void => {
    for (const step of undo.splice(0)) step();
  };
  const abort = (reason: unknown): void => {
    end();
    controller.abort(reason);
  };
  for (const parent of parents) {
    if (!parent) continue;
    if (parent.aborted) {
      abort(parent.reason);
      break;
    }
    const follow = (): void => abort(parent.reason);
    parent.addEventListener('abort', follow, { once: true });
    undo.push(() => parent.removeEventListener('abort', follow));
  }
  if (timeout && !controller.signal.aborted) {
    const timer = clock.after(timeout.ms, () => abort(timeout.reason()));
    undo.push(() => timer.cancel());
  }
  return { signal: controller.signal, abort, end };
}

/** What `work` comes to, or a rejection with the signal's reason if that comes first. The work itself goes on. */
export function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
