import { fieldOf } from './thrown.ts';

/** Errors that were handed to code which may have forgotten an `await`, and whom to tell when nobody handles them. */
const strays = new WeakMap<object, () => void>();
let listening = false;
const deepest = 10;
const ignore = (): void => {};

function unhandled(reason: unknown): void {
  let error = reason;
  for (let depth = 0; depth < deepest && typeof error === 'object' && error !== null; depth++) {
    const tell = strays.get(error);
    if (tell) {
      tell();
      return;
    }
    error = fieldOf(error, 'cause');
  }
  // All others end the process, as they would if nobody listened.
  if (process.listenerCount('unhandledRejection') === 1) throw reason;
}

/**
 * When a rejection with this error, or with one that it is a cause of, is handled by nobody, `tell` is called and the process goes on:
 * whoever forgets an `await` in one handler must not take the other services down. Default: it was told already.
 */
export function mayStray<E>(error: E, tell: () => void = ignore): E {
  if (typeof error !== 'object' || error === null) return error;
  strays.set(error, tell);
  if (!listening) {
    listening = true;
    process.on('unhandledRejection', unhandled);
  }
  return error;
}

/** A promise whose rejection was told already. */
export function told<V>(promise: Promise<V>): Promise<V> {
  promise.catch((error: unknown) => mayStray(error));
  return promise;
}
