import { type ContractLock, lockOf } from 'seaworthy/compatibility';
import { load } from '../load.ts';
import { chosen } from '../services.ts';

/** The contracts of a fleet file, or of those services that are named. */
export async function lockOfFleet(file: string, names: readonly string[] = []): Promise<ContractLock> {
  return lockOf(chosen(await load(file), names).map(({ contract }) => contract));
}
