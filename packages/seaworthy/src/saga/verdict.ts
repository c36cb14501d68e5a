import { SeaworthyError } from '../core/errors.ts';
import type { Runtime } from '../core/runtime.ts';
import type { Read, Store } from '../store/store.ts';
import type { Entry, GivenVerdict } from './journal.ts';
import { type ListedSaga, listFrom } from './list.ts';
import { instanceOf, sagaColumns } from './row.ts';
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
  options: { readonly limit?: number; readonly offset?: number } = {},
): Promise<readonly ListedSaga[]> {
  return listFrom(read, "sw_saga where state = 'stuck' order by changed", [], options);
}

/** What a verdict makes of the step whose undo is stuck. */
function changeOf(verdict: Verdict, { step, undo, refusals = {} }: Entry, now: number): Partial<Entry> {
  if (verdict.kind === 'skip') return { state: 'skipped', ...(undo && { undo: { ...undo, ended: now } }) };
  return verdict.kind === 'result' ? { result: kept(step, verdict.result), told: refusals } : {};
}

/**
 * Gives a verdict; the saga goes on with its undo within seconds. The journal keeps it, when it was given, and `by` whom. Throws `SagaNotStuck`, `SagaUnreadable`, and
 * `ResultInvalid` for a result that is not JSON.
 */
export async function resolveStuck(
  store: Store<unknown, unknown>,
  runtime: Runtime,
  id: string,
  verdict: Verdict,
  { by }: { readonly by?: string } = {},
): Promise<void> {
  await store.transaction(async (tx) => {
    const own = store.sql(tx);
    const [row] = await own.all(`select ${sagaColumns} from sw_saga where id = ? and state = 'stuck'`, id);
    if (!row) throw new SagaNotStuck(`no saga ${id} is stuck: list those that are`);
    const { journal } = instanceOf(row);
    const index = journal.findIndex(({ state }) => state === 'stuck');
    const entry = journal[index] as Entry;
    const now = runtime.clock.now();
    const given: GivenVerdict = { kind: verdict.kind, ...(by !== undefined && { by }), at: now, ...(entry.undo && { stuck: entry.undo }) };
    const judged: Entry = { ...entry, ...changeOf(verdict, entry, now), verdicts: [...(entry.verdicts ?? []), given] };
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
