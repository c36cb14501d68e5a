import type { Store } from './store.ts';

/**
 * Returns the milliseconds between two looks for what other processes have left or changed: a second, or ten where their notices are heard
 * and each only makes sure that none was lost.
 */
export const restMs = (store: Pick<Store<unknown, unknown>, 'hears'>): number => (store.hears() ? 10_000 : 1000);
