import type { StoreDriver } from 'seaworthy/store';

/**
 * Reads where the shop keeps its data from `SEAWORTHY_STORE`: `postgres://...`, `mysql://...`, or nothing for files in its folder. The client of a database
 * is loaded only where it is used.
 */
export async function storeOf(address: string | undefined): Promise<StoreDriver | undefined> {
  if (address === undefined || address === '') return undefined;
  const { protocol } = URL.canParse(address) ? new URL(address) : { protocol: '' };
  if (protocol === 'postgres:' || protocol === 'postgresql:') return (await import('seaworthy/store/postgres')).postgres({ url: address });
  if (protocol === 'mysql:' || protocol === 'mariadb:') return (await import('seaworthy/store/mysql')).mysql({ url: address });
  throw new Error(
    'SEAWORTHY_STORE must be an address such as postgres://user:password@host:5432/database or mysql://user:password@host:3306',
  );
}
