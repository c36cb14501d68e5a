/** Does all steps of an end, one after the other, whichever of them fails. Then throws what the first one that failed threw. */
export async function inTurn(...steps: readonly (() => Promise<unknown> | undefined)[]): Promise<void> {
  let failed: { readonly error: unknown } | undefined;
  for (const step of steps) {
    try {
      await step();
    } catch (error) {
      failed ??= { error };
    }
  }
  if (failed) throw failed.error;
}

/** Waits for all of them, whichever fails. Then throws what the first one that failed threw. */
export async function together(works: readonly (Promise<unknown> | undefined)[]): Promise<void> {
  const failed = (await Promise.allSettled(works)).find(({ status }) => status === 'rejected');
  if (failed?.status === 'rejected') throw failed.reason;
}
