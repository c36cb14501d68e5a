/** Lets everything that is ready in this turn of the event loop run first: input, output, other promises. */
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
