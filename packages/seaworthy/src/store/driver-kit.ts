/** The parts of a store driver that every engine shares. The port itself, its types and errors are in `seaworthy/store`. */
export { orAborted } from '../core/abort.ts';
export { type Condition, well, worst } from '../core/condition.ts';
export { inTurn } from '../core/ends.ts';
export { changedTable } from './changed-table.ts';
export { claimStatement } from './claim.ts';
export { type Claiming, type Deletion, deleteChosen, insertInto, overwriting, type PartialIndex, partialIndex } from './dialect.ts';
export { type Applying, applyMigrations, type Migrator, type Verify, type Written } from './migrations.ts';
export { allBy, readerBy } from './read-by.ts';
export type { Most } from './read-some.ts';
export { statementName } from './statement-name.ts';
export { Topics } from './topics.ts';
export { copyOf, type Mark, TxState } from './tx-state.ts';
