export { compatibility, type Incompatibility } from './compatibility.ts';
export { type ContractLock, type LockedContract, type LockedEvent, type LockedOperation, LockInvalid, lockOf, readLock } from './lock.ts';
