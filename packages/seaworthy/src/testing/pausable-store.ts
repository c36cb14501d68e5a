import { allBy } from '../store/read-by.ts';
import type { Isolation, Store, Tx } from '../store/store.ts';

/** The levels of isolation, the strongest first. */
export const isolations: readonly Isolation[] = ['serializable', 'repeatable read', 'read committed'];

/** A view of a database for one process, whose next transaction can be held at a point, so that another one meets it there. */
export interface Pausable {
  readonly store: Store;
  /** Holds the next transaction that runs a statement with `part` in it, behind that statement. */
  holdBehind(part: string): void;
  /** Holds the next transaction whose work is done, before its commit. `when` says whether it is the one. Default: any. */
  holdBeforeCommit(when?: () => boolean): void;
  /** Whether a transaction is held. */
  readonly isHeld: boolean;
  /** Lets it go on. */
  release(): void;
}

interface Point {
  readonly matches: (step: string) => boolean;
}

const end = 'the end of the work';

function pausableTx(tx: Tx, behind: (sql: string) => Promise<void>): Tx {
  return {
    dialect: tx.dialect,
    all: allBy(async (sql, values) => {
      const rows = await tx.all(sql, ...values);
      await behind(sql);
      return rows;
    }),
    async run(sql, ...values) {
      const changed = await tx.run(sql, ...values);
      await behind(sql);
      return changed;
    },
    async runAll(statements) {
      const changed = await tx.runAll(statements);
      for (const [sql] of statements) await behind(sql);
      return changed;
    },
    savepoint: (work) => tx.savepoint(work),
    runAtCommit: (sql, ...values) => tx.runAtCommit(sql, ...values),
    notify: (topic) => tx.notify(topic),
    get level() {
      return tx.level;
    },
  };
}

/** Makes a view of a database. Transactions that ask for no isolation get the given one. */
export function pausable(store: Store, isolation: Isolation): Pausable {
  let armed: Point | undefined;
  let held: (() => void) | undefined;

  async function behind(step: string): Promise<void> {
    if (!armed?.matches(step)) return;
    armed = undefined;
    await new Promise<void>((resolve) => {
      held = resolve;
    });
  }

  return {
    store: {
      ...store,
      sql: (tx) => tx,
      transaction: (work, options) =>
        store.transaction(
          async (tx) => {
            const value = await work(pausableTx(tx, behind));
            await behind(end);
            return value;
          },
          { ...options, isolation: options?.isolation ?? isolation },
        ),
    },
    holdBehind(part) {
      armed = { matches: (step) => step !== end && step.replaceAll(/\s+/g, ' ').includes(part) };
    },
    holdBeforeCommit(when = () => true) {
      armed = { matches: (step) => step === end && when() };
    },
    get isHeld() {
      return held !== undefined;
    },
    release() {
      held?.();
      held = undefined;
      armed = undefined;
    },
  };
}
