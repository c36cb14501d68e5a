/** The part of a test runner's context that a case uses. The contexts of `node:test` and vitest have it. */
export interface CaseContext {
  skip(message?: string): void;
}

/** One guarantee of a port, and the test that shows it. It needs no test runner of its own: `test(name, run)`. */
export interface Case {
  readonly name: string;
  /**
   * Rejects with what is wrong when the driver breaks the guarantee. Where the driver lacks the feature that the guarantee is about,
   * it calls `context.skip` with the feature's name. Default: it skips without a word.
   */
  readonly run: (context?: CaseContext) => Promise<void>;
}

/** Makes a case of a body that resolves with the name of a feature when the driver lacks it. */
export const caseOf = (name: string, body: () => Promise<string | void>): Case => ({
  name,
  // A default, since some runners take a function with a parameter for one with a callback.
  async run(context = { skip() {} }) {
    const lacks = await body();
    if (lacks !== undefined) context.skip(`the driver lacks: ${lacks}`);
  },
});
