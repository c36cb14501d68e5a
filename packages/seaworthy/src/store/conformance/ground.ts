import { inTurn } from '../../core/ends.ts';
import type { Observe } from '../../core/observe.ts';
import { type Runtime, runtime } from '../../core/runtime.ts';
import type { Store, StoreDriver } from '../store.ts';
import { accounts, type Promised } from './bank.ts';

/** A driver whose databases are empty. */
export interface Ground {
  readonly driver: StoreDriver;
  /** Frees what the ground holds, such as a database or a folder. The suite calls it once the case is over and its store is closed. */
  readonly end?: () => Promise<void>;
}

export interface SuiteOptions {
  /** Replaces parts of the runtime, such as the randomness. */
  readonly runtime?: Partial<Runtime>;
}

/** Runs one case on fresh ground. Resolves with the name of a feature that the driver lacks. */
export async function runCase({ driver, end }: Ground, { runtime: parts = {} }: SuiteOptions, { body }: Promised): Promise<string | void> {
  const logged: unknown[] = [];
  const { observe, ...rest } = runtime(parts);
  const log: Observe['log'] = (level, message, attributes, trace) => {
    logged.push(attributes?.['error']);
    observe.log(level, message, attributes, trace);
  };
  const machine: Runtime = { ...rest, observe: { ...observe, log } };
  let store: Store | undefined;
  try {
    store = await driver.open('bank', machine);
    await store.migrate([accounts]);
    return await body(store, machine, logged);
  } finally {
    await inTurn(
      () => store?.close(),
      () => end?.(),
    );
  }
}
