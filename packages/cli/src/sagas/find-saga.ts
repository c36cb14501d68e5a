import { type Instance, sagaOf } from 'seaworthy/saga';
import { SagaUnknown } from '../errors.ts';
import type { OpenStore } from '../stores.ts';

/** Returns the saga of an id, and the store of the service that has it. Throws `SagaUnknown`. */
export async function findSaga(stores: readonly OpenStore[], id: string): Promise<{ readonly at: OpenStore; readonly instance: Instance }> {
  for (const at of stores) {
    const instance = await sagaOf(at.store.sqlRead, id);
    if (instance) return { at, instance };
  }
  throw new SagaUnknown(
    `there is no saga ${id} in ${stores.map(({ name }) => name).join(', ')}: list them with \`seaworthy sagas list\`, those of a key with \`--key KEY\``,
  );
}
