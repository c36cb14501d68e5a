import { fieldOf } from './thrown.ts';

/** Errors that were handed to code which may have forgotten an `await`, and whom to tell when nobody handles them. */
const strays = new WeakMap<object, () => void>();
let listening = false;
const deepest = 10;
const ignore = (): void => {};

/** Calls the `tell` of an error, or of one of its causes; false when none of them may stray. */
function told(reason: unknown): boolean {
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
  // All others end the process, as they would if nobody listened.
  if (!told(reason) && process.listenerCount('unhandledRejection') === 1) throw reason;
}

function uncaught(error: unknown): void {
  if (told(error) || process.listenerCount('uncaughtException') > 1) return;
  process.off('uncaughtException', uncaught);
  // Thrown with no listener left, it ends the process as it would have at first.
  process.nextTick(() => {
    throw error;
  });
}

let catching = false;

/**
 * The same for an error that is thrown at once, perhaps into a callback of the user's that nothing awaits, such as a timer's. The
 * process has a listener for uncaught exceptions only until that callback is over.
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

/** A promise whose rejection was reported already. */
export function reported<V>(promise: Promise<V>): Promise<V> {
  promise.catch((error: unknown) => mayStray(error));
  return promise;
}
