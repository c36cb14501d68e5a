export {
  CommitFailed,
  CommitUnknown,
  MigrationEdited,
  MigrationFailed,
  RowDamaged,
  SavepointMisused,
  StatementFailed,
  StoreClosed,
  StoreTaken,
  StoreUnusable,
  TransactionOver,
} from './errors.ts';
export type { Level, Migration, Read, Row, Store, StoreDriver, TransactionOptions, Tx, Value } from './store.ts';
export { type Worker, type WorkerOptions, worker, workerMigrations } from './worker.ts';
