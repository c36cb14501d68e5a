import { fieldOf } from './thrown.ts';

/** The errors that were given to code that may lack an `await`, with a function that is called if they stay unhandled. */
const strays = new WeakMap<object, () => void>();
let listening = false;
const deepest = 10;
const ignore = (): void => {};

/** Calls the function of an error or of one of its causes. Returns false when none of them is known. */
function notified(reason: unknown): boolean {
  let error = reason;
  for (let depth = 0; depth < deepest && typeof error === 'object' && error !== null; depth++) {
    const tell = strays.get(error);
    if (tell) {
      tell();
      return true;
    }
    error = fieldOf(error, 'cause');
  }
  return false;
}

function unhandled(reason: unknown): void {
  // Any other rejection ends the process, as it would without this listener.
  if (!notified(reason) && process.listenerCount('unhandledRejection') === 1) throw reason;
}

function uncaught(error: unknown): void {
  if (notified(error) || process.listenerCount('uncaughtException') > 1) return;
  process.off('uncaughtException', uncaught);
  // Thrown again without this listener, the error ends the process.
  process.nextTick(() => {
    throw error;
  });
}

let catching = false;

/**
 * Marks an error like `mayStray`, for an error that is thrown synchronously, perhaps into a callback of the user, such as that of a timer.
 * The process has a listener for uncaught exceptions only until that callback has ended.
 */
export function mayEscape<E>(error: E): E {
  if (!catching) {
    catching = true;
    process.on('uncaughtException', uncaught);
    setImmediate(() => {
      process.off('uncaughtException', uncaught);
      catching = false;
    });
  }
  return mayStray(error);
}

/**
 * Marks an error: if a rejection with it, or with an error that it caused, stays unhandled, `tell` is called and the process continues. A
 * missing `await` in one handler must not end the process of other services. Default: nothing is called.
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

/** Marks the rejection of a promise, which was reported already, as handled. */
export function reported<V>(promise: Promise<V>): Promise<V> {
  promise.catch((error: unknown) => mayStray(error));
  return promise;
}
