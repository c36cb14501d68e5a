import type { Lifetime } from '../core/lifetime.ts';
import { lentTx } from '../store/lent.ts';
import type { Store } from '../store/store.ts';
import type { Collector } from './outbox.ts';

/** What one run of a handler in a transaction needs. */
export interface HandlerRun<Publish> {
  readonly store: Store<unknown, unknown>;
  readonly tx: unknown;
  /** The handler may use what it is given until this ends. */
  readonly life: Lifetime;
  /** Collects the events of this run alone. */
  readonly events: Pick<Collector<never>, 'write'> & { readonly publish: Publish };
}

/** What every handler in a transaction is given. */
export interface Lent<Publish> {
  readonly tx: unknown;
  readonly publish: Publish;
}

/**
 * Runs a handler in a transaction, and writes the events that it published. The handler may use the transaction and `publish` until it
 * returns. Returns what `accept` makes of the value that the handler returned. Throws `NotAwaited` when something that the handler began
 * is still open, and what `verify` throws about the returned value: let the transaction, or a savepoint around the run, roll back.
 */
export async function runHandler<Publish extends (...given: never[]) => unknown, V>(
  { store, tx, life, events }: HandlerRun<Publish>,
  handle: (lent: Lent<Publish>) => unknown,
  accept: (returned: unknown) => V | PromiseLike<V>,
  verify: (returned: unknown) => void = () => {},
): Promise<V> {
  const sql = store.sql(tx);
  const lent = { tx: lentTx(store, tx, life), publish: life.lend('publish', events.publish) };
  const returned = await life.run(
    () => handle(lent),
    (value) => {
      // The toolkit awaits its own statements, so an open one is the handler's.
      sql.level.verify(life.name);
      verify(value);
    },
  );
  const refused = sql.level.settled();
  if (refused) {
    await refused;
    sql.level.verify(life.name);
  }
  const accepted = await accept(returned);
  await events.write(sql);
  return accepted;
}
