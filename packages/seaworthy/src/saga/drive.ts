import { forward } from './forward.ts';
import { type DriveParts, hold, type Interrupts, Overtaken } from './held.ts';
import type { Instance } from './journal.ts';
import type { AnySaga } from './saga.ts';
import { undo } from './undo.ts';

/** Drives one instance until it ends, waits, or is somebody else's. Returns the milliseconds to wait, or `undefined`. */
export async function drive(parts: DriveParts, saga: AnySaga, begun: Instance, interrupts: Interrupts): Promise<number | undefined> {
  const { closing, cut } = interrupts;
  const held = hold(parts, saga, begun);
  try {
    while (!closing.aborted && !cut.aborted) {
      const { state, stopping } = held.instance;
      if (state !== 'running' && state !== 'undoing') return undefined;
      const wait = await (state === 'undoing' ? undo(held, interrupts) : forward(held, interrupts));
      // Stopped just before it was to wait: that comes first.
      const turning = stopping === undefined && held.instance.state === 'running' && held.instance.stopping !== undefined;
      if (wait !== undefined && !turning) return wait;
    }
  } catch (error) {
    if (!cut.aborted && !(error instanceof Overtaken)) throw error;
  }
  return undefined;
}
