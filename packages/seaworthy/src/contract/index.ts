export { type AsyncApi, asyncapi } from './asyncapi.ts';
export { compatibility, type Incompatibility } from './compatibility.ts';
export {
  type At,
  type Contract,
  command,
  contract,
  type Errors,
  type Event,
  event,
  type Members,
  type Named,
  type Operation,
  query,
} from './contract.ts';
export { type ContractLock, type LockedContract, type LockedEvent, type LockedOperation, LockInvalid, lockOf, readLock } from './lock.ts';
export { type DocumentOptions, type OpenApi, type OpenApiOptions, openapi } from './openapi.ts';
export type { Problem } from './problem.ts';
export type { Finding, Issue, Schema } from './schema.ts';
export { ContractInvalid } from './verify.ts';
