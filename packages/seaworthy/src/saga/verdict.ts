import { SeaworthyError } from '../core/errors.ts';
import type { Runtime } from '../core/runtime.ts';
import type { Read, Store } from '../store/store.ts';
import type { Entry, Instance } from './journal.ts';
import { instanceOf, shownOf } from './row.ts';
import { kept } from './step.ts';

/** There is no saga of this id that is stuck. */
export class SagaNotStuck extends SeaworthyError {
  readonly code = 'SW_SAGA_NOT_STUCK';
  readonly kind = 'not_found';
}

/** What a person decides about an undo that cannot succeed by itself. */
export type Verdict =
  /** The cause is mended: try the undo again. */
  | { readonly kind: 'retry' }
  /** It need not be undone, or somebody did it by hand. */
  | { readonly kind: 'skip' }
  /**
   * Tells the undo what the step had given, which nobody saw, and tries it again. A call whose input that changes gets another key,
   * by its place: to each operation the undo makes the same calls in the same order, with the result and without.
   */
  | { readonly kind: 'result'; readonly result: unknown };

/** The instances that wait for a verdict, the oldest first. Default the first 100 of them. */
export async function stuckSagas(
  read: Read,
  { limit = 100, offset = 0 }: { readonly limit?: number; readonly offset?: number } = {},
): Promise<readonly Instance[]> {
  return (await read.all("select * from sw_saga where state = 'stuck' order by changed limit ? offset ?", limit, offset)).map(shownOf);
}

/**
 * Gives a verdict; the saga goes on with its undo within seconds. Throws `SagaNotStuck`, `SagaUnreadable`, and
 * `ResultInvalid` for a result that is not JSON.
 */
export async function judge(store: Store<unknown, unknown>, runtime: Runtime, id: string, verdict: Verdict): Promise<void> {
  await store.transaction(async (tx) => {
    const own = store.own(tx);
    const [row] = await own.all("select * from sw_saga where id = ? and state = 'stuck'", id);
    if (!row) throw new SagaNotStuck(`no saga ${id} is stuck: list those that are`);
    const { journal } = instanceOf(row);
    const index = journal.findIndex(({ state }) => state === 'stuck');
    const entry = journal[index] as Entry;
    const judged: Entry =
      verdict.kind === 'skip'
        ? { ...entry, state: 'skipped', ...(entry.undo && { undo: { ...entry.undo, ended: runtime.clock.now() } }) }
        : verdict.kind === 'result'
          ? { ...entry, result: kept(entry.step, verdict.result), told: entry.refusals ?? {} }
          : entry;
    const now = runtime.clock.now();
    // The journal keeps how its undo failed: what comes now begins anew.
    await own.run(
      `update sw_saga set version = version + 1, state = 'undoing', journal = ?, attempts = 0, error = null, due = ?, owner = '', changed = ?
        where id = ?`,
      JSON.stringify(journal.with(index, judged)),
      now,
      now,
      id,
    );
  });
}
