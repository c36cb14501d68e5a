import { forward } from './forward.ts';
import { type DriveParts, hold, type Interrupts, Overtaken } from './held.ts';
import type { Instance } from './journal.ts';
import { directionOf } from './lanes.ts';
import type { AnySaga } from './saga.ts';
import { isSuspect } from './suspects.ts';
import { undo } from './undo.ts';

/** When an instance goes on: after a while, the other way or as any other from now on, or alone. `undefined` when it does not, or not here. */
export type Next = { readonly ms: number } | { readonly turned: Instance } | { readonly suspect: Instance } | undefined;

/** Drives one instance until it ends, turns round, waits, or is somebody else's. */
export async function drive(parts: DriveParts, saga: AnySaga, begun: Instance, interrupts: Interrupts): Promise<Next> {
  const { closing, cut } = interrupts;
  const held = hold(parts, saga, begun);
  const { back } = directionOf(begun);
  try {
    while (!closing.aborted && !cut.aborted) {
      const { state } = held.instance;
      if (state !== 'running' && state !== 'undoing') return undefined;
      if (directionOf(held.instance).back !== back) return { turned: held.instance };
      const wait = await (state === 'undoing' ? undo(held, interrupts) : forward(held, interrupts));
      // Stopped just before it was to wait: that comes first.
      if (wait !== undefined && directionOf(held.instance).back === back) return { ms: wait };
      // It has come further, and so is no suspect any more.
      if (isSuspect(begun.crashes)) return { turned: held.instance };
    }
  } catch (error) {
    if (!cut.aborted && !(error instanceof Overtaken)) throw error;
  }
  return undefined;
}
