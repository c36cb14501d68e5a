import type { AnyContract } from '../contract/contract.ts';
import type { OptionNames } from '../core/options.ts';

/** A JSON object of a document. */
export interface Doc {
  readonly [key: string]: unknown;
}

/** The options of a document. */
export interface DocumentOptions {
  /** The title. Default the name of the contract, or `gateway`; for events the names of all contracts. */
  readonly title?: string;
  /** The version of the described API. Default `1.0.0`. */
  readonly version?: string;
  /** The description. Default that of the contract, if there is only one. */
  readonly description?: string;
}

export const documentNames: OptionNames<DocumentOptions> = { title: true, version: true, description: true };

/** Makes the `info` of a document; `title` is the default title. */
export const infoOf = (title: string, { title: own = title, version = '1.0.0', description }: DocumentOptions): Doc => ({
  title: own,
  version,
  ...(description !== undefined && { description }),
});

/** Returns the description of the contract, if there is only one. */
export const aboutOf = ([one, ...others]: readonly AnyContract[]): DocumentOptions =>
  one?.['~description'] === undefined || others.length > 0 ? {} : { description: one['~description'] };
