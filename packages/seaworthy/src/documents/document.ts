import type { Named } from '../contract/contract.ts';

/** A JSON object of a document. */
export interface Doc {
  readonly [key: string]: unknown;
}

/** What a document says of itself. */
export interface DocumentOptions {
  /** Default the contract's name, or `gateway`; for events the names of all contracts. */
  readonly title?: string;
  /** Of what is described, in the owner's own counting. Default `1.0.0`. */
  readonly version?: string;
  /** Default the contract's own, if it is the only one. */
  readonly description?: string;
}

/** A document's own account of itself; `title` where its owner gave none. */
export const infoOf = (title: string, { title: own = title, version = '1.0.0', description }: DocumentOptions): Doc => ({
  title: own,
  version,
  ...(description !== undefined && { description }),
});

/** What contracts say of themselves, if there is but one. */
export const aboutOf = ([one, ...others]: readonly Named[]): DocumentOptions =>
  one?.['~description'] === undefined || others.length > 0 ? {} : { description: one['~description'] };
