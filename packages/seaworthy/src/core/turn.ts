const next = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
let waiting = 0;

/** Lets everything that is ready in this turn of the event loop run first: input, output, other promises. */
export async function turn(): Promise<void> {
  waiting++;
  await next();
  waiting--;
}

/** What `work` comes to. It is as good as at hand, such as a write to the disk: virtual time waits for it. */
export async function atHand<T>(work: Promise<T>): Promise<T> {
  waiting++;
  try {
    return await work;
  } finally {
    waiting--;
  }
}

/** Resolves when nobody waits for a turn any more: all that remains waits for a timer, or for the world outside. */
export async function rest(): Promise<void> {
  do await next();
  while (waiting > 0);
}
