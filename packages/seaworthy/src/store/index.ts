export type { ColumnTypes, Dialect, Insertion } from './dialect.ts';
export {
  CommitFailed,
  CommitUnknown,
  MigrationEdited,
  MigrationFailed,
  RowDamaged,
  RowMismatch,
  SavepointMisused,
  StatementFailed,
  StoreClosed,
  StoreTaken,
  StoreUnusable,
  TransactionLost,
  TransactionNested,
  TransactionOver,
  UniqueViolation,
} from './errors.ts';
export type { RowSchema } from './row-schema.ts';
export type {
  Changed,
  DisposableStoreDriver,
  Fragment,
  Isolation,
  Level,
  Migration,
  Read,
  Reader,
  Row,
  Statement,
  Statements,
  Store,
  StoreDriver,
  TransactionOptions,
  Tx,
  Value,
  Values,
} from './store.ts';
export { type Worker, type WorkerOptions, worker, workerMigrations } from './worker.ts';
