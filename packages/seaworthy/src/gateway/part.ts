import type { Bound } from '../contract/contract.ts';

/** The status of a part. `absent`: its service answered a declared 404, or a part that it needs is missing. */
export type PartStatus = 'ok' | 'failed' | 'timeout' | 'absent';

/** One part of an aggregate: the output of an operation, which may be missing when it is optional. */
export interface Part<S extends string, Output, Missing extends boolean> {
  readonly operation: Bound<S>;
  readonly input: (context: never) => unknown;
  readonly after: { readonly [name: string]: Part<string, unknown, boolean> };
  readonly required: Missing extends true ? false : true;
  readonly '~output'?: Output;
  /** Makes the part optional: the aggregate answers without it when it fails. */
  optional(): Part<S, Output, true>;
}
export type Parts = { readonly [name: string]: Part<string, unknown, boolean> };
