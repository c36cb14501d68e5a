/** One text of a source, which stands there once, and what a slip would make of it. */
export type Edit = readonly [file: string, is: string, becomes: string];

/** A storm that finds a mutant: over the bank, a fleet in which nothing may happen twice, or over the whole shop. */
export interface Storming {
  readonly over: 'bank' | 'shop';
  /** Processes of each service. Default 1. */
  readonly instances?: number;
  /** Within how many seeds, from 1, it must be found. Default 300: what changes the draws of a storm must not lose a slip. */
  readonly seeds?: number;
  /** Found within so few seeds that each run of the tests plays it. */
  readonly soon?: boolean;
}

/** A plausible slip in the package, and what must notice it. */
export interface Mutant {
  /** The room, and what the slip does, as a sentence. */
  readonly name: string;
  /** Files are named from `packages/seaworthy/src`. */
  readonly edits: readonly Edit[];
  /** The test files that must fail, named from the root of the repository. One failing test is enough. */
  readonly tests: readonly string[];
  /** The storm that must find it as well. Durable work that no storm finds has none. */
  readonly storm?: Storming;
}

const source = 'packages/seaworthy/src/';

/** A test of the package, by its place in the sources. */
export const inSource = (...files: readonly string[]): readonly string[] => files.map((file) => `${source}${file}.test.ts`);
