/** The part of a connection of `mysql2/promise` that the driver uses. */
export interface MysqlClient {
  query(sql: string): Promise<[unknown, unknown]>;
  /** Runs a prepared statement. */
  execute(sql: string, values: unknown[]): Promise<[unknown, unknown]>;
  /** Ends it, and takes it out of its pool. */
  destroy(): void;
  on(event: 'error' | 'end', listener: (error?: unknown) => void): unknown;
  readonly config?: Readonly<Record<string, unknown>> | undefined;
}

/** The part of a pool of `mysql2/promise` that the driver uses. */
export interface MysqlPool {
  getConnection(): Promise<MysqlClient>;
  end(): Promise<void>;
  readonly pool?: { readonly config?: { readonly connectionLimit?: number | undefined } | undefined } | undefined;
}

/** What a statement that returns no rows has done. */
export interface Header {
  readonly affectedRows: number;
  readonly warningStatus?: number | undefined;
}

/** A column of an answer. */
export interface Field {
  readonly name: string;
  readonly columnType?: number | undefined;
  readonly characterSet?: number | undefined;
}
