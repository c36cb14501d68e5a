/**
 * Makes the work of a transaction that a store never runs again after some errors, even if it saw a conflict meanwhile. `endOf` returns
 * the reason that ends the transaction, such as an elapsed timeout, or `undefined` for an error after which the work may run again. Run
 * the returned work with the returned signal.
 */
export function unrepeated<Given extends readonly unknown[], V>(
  work: (...given: Given) => Promise<V>,
  endOf: (error: unknown) => unknown,
): { readonly work: (...given: Given) => Promise<V>; readonly signal: AbortSignal } {
  const over = new AbortController();
  return {
    signal: over.signal,
    async work(...given) {
      try {
        return await work(...given);
      } catch (error) {
        const end = endOf(error);
        if (end !== undefined) over.abort(end);
        throw error;
      }
    },
  };
}
