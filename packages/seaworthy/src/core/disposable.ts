/**
 * Has `await using` call the `close` of `value`, and returns it. A port asks of its drivers `close` alone: the functions that users open
 * things with add this. It calls the `close` of the object that it is found on, so a copy with another `close` is closed by that one.
 */
export function disposable<V extends { close(): Promise<void> }>(value: V): V & AsyncDisposable {
  function dispose(this: V): Promise<void> {
    return this.close();
  }
  return Object.assign(value, { [Symbol.asyncDispose]: dispose });
}
