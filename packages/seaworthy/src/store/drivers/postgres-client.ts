/** The part of the client of `pg` that the driver uses. */
export interface PostgresClient {
  query(query: Query): Promise<Result | readonly Result[]>;
  /** Gives it back to its pool, or ends it. */
  release(end?: boolean): void;
  on(event: 'error', listener: (error: unknown) => void): unknown;
  on(event: 'notification', listener: (notice: { readonly channel: string; readonly payload?: string | undefined }) => void): unknown;
  /** For the protocol's cancellation; a client without them is only disconnected. */
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  readonly processID?: number | null | undefined;
  readonly secretKey?: number | null | undefined;
  /** For several statements in one write. */
  readonly connection?: { readonly stream?: { cork?(): void; uncork?(): void } | undefined } | undefined;
}

export interface Query {
  readonly text: string;
  readonly name?: string;
  readonly values?: (string | Buffer | null)[];
  /** `extended` takes one statement only. */
  readonly queryMode?: 'extended';
  readonly types?: { getTypeParser(oid: number): (text: string) => unknown };
}

export interface Result {
  readonly command: string | null;
  readonly rowCount: number | null;
  readonly rows: unknown[];
}

/** The part of the pool of `pg` that the driver uses. */
export interface PostgresPool {
  connect(): Promise<PostgresClient>;
  end(): Promise<void>;
  on(event: 'error', listener: (error: unknown) => void): unknown;
  readonly options?: { readonly max?: number | undefined } | undefined;
}
