/** An edit: a text that occurs once in a source file, and its replacement by the slip. */
export type Edit = readonly [file: string, is: string, becomes: string];

/** A storm that finds a slip: over the bank, a fleet in which nothing may happen twice, or over the whole shop. */
export interface Storming {
  readonly over: 'bank' | 'shop';
  /** The number of processes of each service. Default 1. */
  readonly instances?: number;
  /** The number of seeds, from 1, within which it must be found. Default 300, so that a change of the storm's randomness does not lose a slip. */
  readonly seeds?: number;
  /** Whether it is found within so few seeds that every run of the tests plays it. */
  readonly soon?: boolean;
}

/** A plausible slip in the package, and the tests and the storm that must notice it. */
export interface Mutant {
  /** The module and the effect of the slip, as a sentence. */
  readonly name: string;
  /** The edits; files are named from `packages/seaworthy/src`. */
  readonly edits: readonly Edit[];
  /** The test files that must fail, named from the root of the repository. One failing test is enough. */
  readonly tests: readonly string[];
  /** The storm that must find it as well. Durable work that no storm finds has none. */
  readonly storm?: Storming;
}

const source = 'packages/seaworthy/src/';

/** Names a test file of the package by its path below the sources. */
export const inSource = (...files: readonly string[]): readonly string[] => files.map((file) => `${source}${file}.test.ts`);
