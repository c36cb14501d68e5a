import type { Span, SpanOptions } from '../core/observe.ts';
import type { Runtime } from '../core/runtime.ts';
import { readable } from '../core/thrown.ts';
import type { Store, TransactionOptions } from './store.ts';

interface Deps<T> {
  readonly store: Store<T, unknown>;
  readonly runtime: Runtime;
}

/** Runs `work` in a span, from the wait for its turn to its commit. An error that `usual` accepts does not mark the span as failed. */
export async function tracedTransaction<T, V>(
  { store, runtime }: Deps<T>,
  place: SpanOptions,
  work: (span: Span) => Promise<V>,
  usual: (error: unknown) => boolean = () => false,
): Promise<V> {
  const span = runtime.observe.span('seaworthy_store_transaction', undefined, {
    ...place,
    spanAttributes: { dialect: store.dialect.name },
  });
  try {
    const value = await work(span);
    span.end('committed');
    return value;
  } catch (thrown) {
    const error = readable(thrown);
    span.end('rolled back', usual(error) ? undefined : error);
    throw error;
  }
}

/** The options of a transaction in a span. */
export interface TracedOptions extends TransactionOptions {
  /** Whether an error does not mark the span as failed. Default: each does. */
  readonly usual?: ((error: unknown) => boolean) | undefined;
}

/** Runs one transaction in a span, as a child of the caller's. */
export const transaction = <T, V>(
  deps: Deps<T>,
  { trace }: Pick<Span, 'trace'>,
  work: (tx: T, span: Span) => Promise<V>,
  { usual, ...options }: TracedOptions = {},
): Promise<V> =>
  tracedTransaction(deps, { parent: trace, root: true }, (span) => deps.store.transaction((tx) => work(tx, span), options), usual);
