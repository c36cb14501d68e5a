import type { Store } from '../store/store.ts';

/** Returns a view of a store that runs each transaction once more than it commits it, as after a conflict. */
export const rerunning = (store: Store): Store => ({
  ...store,
  async transaction(work, options) {
    const again = new Error('again');
    const first = store.transaction(async (tx) => {
      await work(tx);
      throw again;
    }, options);
    await first.catch(() => {});
    return store.transaction(work, options);
  },
});
