import { durationOf } from '../core/duration.ts';
import type { Runtime } from '../core/runtime.ts';
import type { Fragment, Store } from '../store/store.ts';
import type { Worker } from '../store/worker.ts';
import { interruptAll } from './saga-store.ts';

/** The deadlines of whole instances, as one process sees them pass. */
export interface Deadlines {
  /** Returns the moment at which an instance that starts now is late. */
  until(deadlineMs: number | undefined): number | undefined;
  /** Returns an assignment to the column `until` of an instance that this process takes over: it is reduced to what it can be at most. */
  reduced(): Fragment;
  /**
   * Marks the instances of this process whose moment has passed as to be interrupted. Returns the milliseconds until the next one is late;
   * infinity when there is none.
   */
  check(): Promise<number>;
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

  const waiting = `from sw_saga where ${running} and until is not null and stopping is null`;

  /** Interrupts some instances whose moment has passed: those of one definition have the same reason. */
  async function interruptLate(): Promise<void> {
    const rows = await store.sqlRead.all(
      `select id, deadline ${waiting} and until <= ? order by until limit ?`,
      ...[worker.id, now(), batch],
    );
    const late = new Map<number, string[]>();
    for (const row of rows) {
      const deadline = Number(row['deadline']);
      late.set(deadline, [...(late.get(deadline) ?? []), String(row['id'])]);
    }
    await store.transaction(async (tx) => {
      for (const [deadline, ids] of late) await interruptAll(store.sql(tx), ids, { kind: 'late', deadline: durationOf(deadline) });
    });
  }

  return {
    until: (deadlineMs) => (deadlineMs === undefined ? undefined : now() + deadlineMs),
    reduced: () => ({ sql: 'until = case when until > ? + deadline then ? + deadline else until end', values: [now(), now()] }),
    async check() {
      const jumped = Math.round(offset() - known);
      if (Math.abs(jumped) > jumpMs) await shift(jumped);
      for (;;) {
        const [row] = await store.sqlRead.all(`select until as next ${waiting} order by until limit 1`, worker.id);
        const next = row?.['next'] ?? null;
        if (next === null) return Number.POSITIVE_INFINITY;
        if (Number(next) > now()) return Number(next) - now();
        await interruptLate();
      }
    },
  };
}
