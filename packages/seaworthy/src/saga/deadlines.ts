import { durationOf } from '../core/duration.ts';
import type { Runtime } from '../core/runtime.ts';
import type { Store } from '../store/store.ts';
import type { Worker } from '../store/worker.ts';
import { interrupt } from './saga-store.ts';

/** The deadlines of whole instances, as one process sees them pass. */
export interface Deadlines {
  /** Returns the moment at which an instance that starts now is late. */
  until(deadlineMs: number | undefined): number | undefined;
  /**
   * Marks the instances of this process whose moment has passed as to be interrupted. `taken` says that some of them may have belonged to
   * another worker until now.
   */
  check(taken: boolean): Promise<void>;
}

const batch = 500;
/** A clock that is off by more milliseconds has jumped, and was not merely adjusted. */
const jumpMs = 1000;

/**
 * Makes the deadlines of one process. A row says when its saga is late by the clock that all processes read, which may jump. A process sees a jump by its monotonic time, and
 * moves the moments of its own instances by as much. A clock that was set back while no process ran leaves moments further ahead than
 * their deadlines: they are reduced to what they can be at most. Neither correction ends a saga too early.
 */
export function deadlines(store: Store<unknown, unknown>, { clock }: Runtime, worker: Worker): Deadlines {
  const offset = (): number => clock.now() - clock.monotonic();
  /** The offset of the clock from monotonic time by which the moments of this process's instances are written. */
  let known = offset();
  const now = (): number => Math.floor(clock.monotonic() + known);
  const running = "state = 'running' and owner = ?";

  const write = (sql: string, ...values: readonly (string | number)[]): Promise<unknown> =>
    store.transaction((tx) => store.sql(tx).run(sql, ...values));

  async function shift(jumped: number): Promise<void> {
    const before = known;
    try {
      await store.transaction(async (tx) => {
        await store.sql(tx).run(`update sw_saga set until = until + ? where ${running} and until is not null`, jumped, worker.id);
        // An instance that starts after this transaction has a moment of the new clock.
        known = before + jumped;
      });
    } catch (error) {
      known = before;
      throw error;
    }
  }

  /** Interrupts some instances whose moment has passed. Returns whether there may be more. */
  async function interruptLate(): Promise<boolean> {
    const rows = await store.sqlRead.all(
      `select id, deadline from sw_saga where ${running} and until <= ? and stopping is null order by until limit ?`,
      ...[worker.id, now(), batch],
    );
    if (rows.length === 0) return false;
    await store.transaction(async (tx) => {
      const sql = store.sql(tx);
      for (const row of rows) await interrupt(sql, String(row['id']), { kind: 'late', deadline: durationOf(Number(row['deadline'])) });
    });
    return rows.length === batch;
  }

  return {
    until: (deadlineMs) => (deadlineMs === undefined ? undefined : now() + deadlineMs),
    async check(taken) {
      const jumped = Math.round(offset() - known);
      if (Math.abs(jumped) > jumpMs) await shift(jumped);
      if (taken) await write(`update sw_saga set until = ? + deadline where ${running} and until > ? + deadline`, now(), worker.id, now());
      while (await interruptLate());
    },
  };
}
