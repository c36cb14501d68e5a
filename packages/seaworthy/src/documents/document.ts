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
  readonly description?: string;
}

/** A document's own account of itself; `title` where its owner gave none. */
export const infoOf = (title: string, { title: own = title, version = '1.0.0', description }: DocumentOptions): Doc => ({
  title: own,
  version,
  ...(description !== undefined && { description }),
});
