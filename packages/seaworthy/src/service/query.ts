import type { Answer } from '../contract/answer.ts';
import { declaredOf, outputOf } from './answer.ts';
import { type Commands, fail, type Received } from './command.ts';
import type { QueryContext, RemoteQueryContext } from './context.ts';

type Declares = Record<string, unknown>;
export type QueryHandler = (context: QueryContext<unknown, Declares, unknown>) => unknown;
export type RemoteHandler = (context: RemoteQueryContext<unknown, Declares>) => unknown;

/** Runs a query: on what is committed, or, for a remote one, at a third party. */
export async function runQuery(
  { store, runtime }: Commands,
  { attempt: { operation }, input, signal, span }: Received,
  handler: QueryHandler | { readonly remote: RemoteHandler },
): Promise<Answer> {
  const begun = { now: runtime.clock.now(), newId: runtime.ids.next, trace: span.trace };
  try {
    const returned = span.run(() =>
      typeof handler === 'function'
        ? handler({ input, read: store.read, fail, ...begun })
        : handler.remote({ input, fail, signal, ...begun }),
    );
    return await outputOf(operation, await returned);
  } catch (error) {
    return declaredOf(operation, error);
  }
}
