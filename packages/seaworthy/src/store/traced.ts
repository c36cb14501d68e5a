import type { Span } from '../core/observe.ts';
import type { Runtime } from '../core/runtime.ts';
import type { Store, TransactionOptions } from './store.ts';

/** One transaction, from the wait for its turn to its commit, as a span of whatever it is part of. */
export async function transaction<T, V>(
  { store, runtime }: { readonly store: Store<T, unknown>; readonly runtime: Runtime },
  { trace }: Pick<Span, 'trace'>,
  work: (tx: T, span: Span) => Promise<V>,
  options?: TransactionOptions,
): Promise<V> {
  const place = { parent: trace, root: true, detail: { dialect: store.dialect } };
  const span = runtime.observe.span('seaworthy_store_transaction', undefined, place);
  try {
    const value = await store.transaction((tx) => work(tx, span), options);
    span.end('committed');
    return value;
  } catch (error) {
    span.end('rolled back', error);
    throw error;
  }
}
