import type { Runtime } from 'seaworthy/core';
import { type DeadLetterDetail, type DeadLetters, DeadLetterUnknown, deadLetters } from 'seaworthy/outbox';
import { UsageInvalid } from '../errors.ts';
import { type OpenStore, onStores, type Where } from '../stores.ts';

/** The open database of a service, with its dead letters. */
export interface DeadLetterStore extends OpenStore {
  readonly letters: DeadLetters;
}

/** Does `work` on the dead letters of the selected services. Throws what `onStores` throws. */
export const onDeadLetterStores = <V>(
  where: Where,
  work: (stores: readonly DeadLetterStore[], runtime: Runtime) => Promise<V>,
): Promise<V> =>
  onStores(where, (stores, runtime) =>
    work(
      stores.map((one) => ({ ...one, letters: deadLetters(one.store, runtime) })),
      runtime,
    ),
  );

/** A dead letter, and the database that has it. */
interface FoundDeadLetter {
  readonly store: DeadLetterStore;
  readonly letter: DeadLetterDetail;
}

/** Finds a dead letter by its id. Throws `UsageInvalid` when several services have it, `DeadLetterUnknown` when none does. */
export async function findDeadLetter(stores: readonly DeadLetterStore[], id: string): Promise<FoundDeadLetter> {
  const all: FoundDeadLetter[] = [];
  for (const store of stores) {
    const [known] = await store.letters.list({ ids: [id] });
    if (known) all.push({ store, letter: await store.letters.show(id) });
  }
  const [one, other] = all;
  if (one && other)
    throw new UsageInvalid(
      `several services have the dead letter ${id} (${all.map(({ store }) => store.name).join(', ')}): choose one with --service`,
    );
  if (one) return one;
  throw unknown(id);
}

export const unknown = (id: string): DeadLetterUnknown =>
  new DeadLetterUnknown(`there is no dead letter ${id}: list them with \`seaworthy dead-letters list\``);
