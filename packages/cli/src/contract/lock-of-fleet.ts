import { type ContractLock, lockOf } from 'seaworthy/compatibility';
import { load } from '../load.ts';
import { selectServices } from '../services.ts';

/** Makes the lock of all contracts of a fleet file, or of the named services. */
export async function lockOfFleet(file: string, names: readonly string[] = []): Promise<ContractLock> {
  return lockOf(selectServices(await load(file), names).map(({ contract }) => contract));
}
