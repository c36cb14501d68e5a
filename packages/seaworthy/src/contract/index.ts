export {
  type AnyContract,
  type Bound,
  type Contract,
  type ContractOptions,
  command,
  contract,
  type Errors,
  type Event,
  event,
  type Members,
  type Operation,
  query,
} from './contract.ts';
export type { Problem } from './problem.ts';
export type { Finding, Issue, Schema } from './schema.ts';
export { holdsSecrets, messageRedactor, redact, redactByName, unredact } from './secrets.ts';
export { ContractInvalid } from './verify.ts';
