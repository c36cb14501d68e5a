import type { Runtime } from 'seaworthy/core';
import { type DeadLetterDetail, type DeadLetters, DeadLetterUnknown, deadLetters } from 'seaworthy/outbox';
import { UsageInvalid } from '../errors.ts';
import { type OpenStore, onStores, type Where } from '../stores.ts';

/** The dead letters of one service. */
export interface Box extends OpenStore {
  readonly letters: DeadLetters;
}

/** Does `work` on the dead letters of services. Throws what `onStores` throws. */
export const onBoxes = <V>(where: Where, work: (boxes: readonly Box[], runtime: Runtime) => Promise<V>): Promise<V> =>
  onStores(where, (stores, runtime) =>
    work(
      stores.map((one) => ({ ...one, letters: deadLetters(one.store, runtime) })),
      runtime,
    ),
  );

/** The one box that has it. Throws `UsageInvalid` when several do, `DeadLetterUnknown` when none does. */
export async function found(boxes: readonly Box[], id: string): Promise<{ readonly box: Box; readonly letter: DeadLetterDetail }> {
  const all: { readonly box: Box; readonly letter: DeadLetterDetail }[] = [];
  for (const box of boxes) {
    const [known] = await box.letters.list({ ids: [id] });
    if (known) all.push({ box, letter: await box.letters.show(id) });
  }
  const [one, other] = all;
  if (one && other)
    throw new UsageInvalid(`${id} is a dead letter of ${all.map(({ box }) => box.name).join(' and ')}: choose one with --service`);
  if (one) return one;
  throw unknown(id);
}

export const unknown = (id: string): DeadLetterUnknown =>
  new DeadLetterUnknown(`there is no dead letter ${id}: list them with \`seaworthy dead-letters list\``);
