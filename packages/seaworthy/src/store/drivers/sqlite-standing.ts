import { type Condition, well, worst } from '../../core/condition.ts';
import type { Runtime } from '../../core/runtime.ts';
import { StoreUnusable } from '../errors.ts';
import { resultCode } from './sqlite-busy.ts';

type Side = 'write' | 'read';

/** The health of one database: its disk and file may fail for a while, or for as long as it is open. */
export interface Standing {
  /** Throws `StoreUnusable` once it is broken. */
  check(): void;
  /** Refuses everything from now on, since the state of the disk is unknown. The first cause counts, and is logged. */
  broke(why: string, cause: unknown): void;
  /** Records an error. It counts when the disk or the file failed, and not when the statement was wrong. */
  met(side: Side, cause: unknown): void;
  /** Records a success of the disk and the file. */
  worked(side: Side): void;
  condition(): Condition;
}

/** Result codes of SQLite for failures of disk, file or memory (https://sqlite.org/rescode.html). */
const troubles: ReadonlyMap<number | undefined, string> = new Map([
  [7, 'the memory is used up'],
  [10, 'its disk refuses to read or write'],
  [11, 'its file is damaged'],
  [13, 'its disk is full'],
  [14, 'its file cannot be opened'],
  [26, 'its file is not a database any more'],
]);
const readOnly = 8;

export function standing(service: string, runtime: Runtime): Standing {
  let broken: { readonly error: StoreUnusable; readonly condition: Condition } | undefined;
  const failing: Record<Side, Condition> = { write: well, read: well };
  return {
    check() {
      if (broken) throw broken.error;
    },
    broke(why, cause) {
      if (broken) return;
      const error = new StoreUnusable(`the database of ${service} is given up, ${why}: start the process again`, { cause });
      broken = { error, condition: { state: 'broken', why } };
      runtime.observe.log('error', error.message, { error });
    },
    met(side, cause) {
      const code = resultCode(cause);
      // On the connection that only reads, a statement tried to write.
      const why = code === readOnly && side === 'write' ? 'its file may not be written' : troubles.get(code);
      if (why !== undefined) failing[side] = { state: 'failing', why };
    },
    worked(side) {
      failing[side] = well;
    },
    condition: () => broken?.condition ?? worst([failing.write, failing.read]),
  };
}
