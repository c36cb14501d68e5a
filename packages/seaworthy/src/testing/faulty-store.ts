import { disposable } from '../core/disposable.ts';
import type { Runtime } from '../core/runtime.ts';
import { sleep } from '../core/sleep.ts';
import { CommitUnknown } from '../store/errors.ts';
import type { DisposableStoreDriver, Store, StoreDriver, TransactionOptions } from '../store/store.ts';
import type { Faults } from './faults.ts';

/** Rolls a transaction back, so that it runs again. */
class Again extends Error {}

const longestMs = 500;

function faulty<T, R>(store: Store<T, R>, service: string, faults: Faults, { clock }: Runtime): Store<T, R> {
  async function transaction<V>(work: (tx: T) => Promise<V>, options: TransactionOptions = {}): Promise<V> {
    if (faults.strikes('store/slow')) await sleep(clock, faults.delayMs(longestMs), options.signal);
    const run = async (tx: T): Promise<V> => {
      const value = await work(tx);
      if (faults.strikes('store/slow')) await sleep(clock, faults.delayMs(longestMs), options.signal);
      if (faults.strikes('store/conflict')) throw new Again();
      return value;
    };
    for (;;) {
      try {
        const value = await store.transaction(run, options);
        if (!faults.strikes('store/commit/unknown')) return value;
        throw new CommitUnknown(`a fault: the outcome of the commit of ${service} is unknown`);
      } catch (error) {
        if (!(error instanceof Again)) throw error;
      }
    }
  }
  return { ...store, transaction };
}

/** The same databases, slow, with conflicts that make transactions run again, and commits that nobody hears of. */
export function faultyStore<T, R>(driver: StoreDriver<T, R>, faults: Faults): DisposableStoreDriver<T, R> {
  return { open: async (service, runtime) => disposable(faulty(await driver.open(service, runtime), service, faults, runtime)) };
}
