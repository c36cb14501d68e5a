import type { Problem } from './problem.ts';

/** The answer of a service to a call: the output as JSON, a declared error, or a problem that the contract does not declare (RFC 9457). */
export type Answer =
  | { readonly kind: 'output'; readonly output: unknown }
  | { readonly kind: 'declared'; readonly name: string; readonly data: unknown }
  | { readonly kind: 'problem'; readonly problem: Problem };
