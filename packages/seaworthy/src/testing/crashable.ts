import type { Bus, Subscription } from '../bus/bus.ts';
import { Unreachable } from '../client/errors.ts';
import type { Endpoint, Transport } from '../client/transport.ts';
import { orAborted, scope } from '../core/abort.ts';
import { allBy, readerBy } from '../store/read-by.ts';
import type { Store, Tx } from '../store/store.ts';
import type { ProcessLife } from './process-life.ts';

/** Tells whether a step is beside an effect. A death at any other step leaves what a death at the step before it would leave. */
export const hasEffect = (step: string): boolean => !/^(reads|begins a transaction|subscribes to .*|gets .*)$/.test(step);

/** Runs work of a process. If the process dies meanwhile the promise never settles, so that neither `catch` nor `finally` runs. */
async function whileAlive<T>(life: ProcessLife, signal: AbortSignal | undefined, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const within = scope({ clock: life.clock, parents: signal ? [signal, life.dead] : [life.dead] });
  try {
    return await work(within.signal);
  } catch (error) {
    if (life.dead.aborted) await life.step('dead');
    throw error;
  } finally {
    within.end();
  }
}

/** Wraps a database for one process, which may die before and after each commit and read. The database outlives the process. */
export function crashableStore<T, R>(store: Store<T, R>, life: ProcessLife): Store<T, R> {
  const sqlRead = readerBy(async (sql, values) => {
    await life.step('reads');
    return store.sqlRead.all(sql, ...values);
  });
  return {
    ...store,
    sqlRead,
    async transaction(work, options) {
      await life.step('begins a transaction');
      const value = await whileAlive(life, options?.signal, (signal) =>
        store.transaction(
          async (tx) => {
            const result = await work(tx);
            await life.step('is about to commit');
            return result;
          },
          { ...options, signal },
        ),
      );
      await life.step('has committed');
      return value;
    },
    close: async () => {},
  };
}

function crashableTx(tx: Tx, life: ProcessLife): Tx {
  return {
    dialect: tx.dialect,
    all: allBy(async (sql, values) => {
      life.pass(sql);
      return tx.all(sql, ...values);
    }),
    async run(sql, ...values) {
      life.pass(sql);
      return tx.run(sql, ...values);
    },
    async runAll(statements) {
      life.pass('several statements');
      return tx.runAll(statements);
    },
    savepoint: (work) => tx.savepoint(work),
    runAtCommit(sql, ...values) {
      life.pass(sql);
      return tx.runAtCommit(sql, ...values);
    },
    notify: (topic) => tx.notify(topic),
    get level() {
      return tx.level;
    },
  };
}

/** Wraps a database as `crashableStore` does; the process may die before each statement of a transaction as well. */
export function crashableByStatement(store: Store, life: ProcessLife): Store {
  const byStatement: Store = {
    ...store,
    sql: (tx) => tx,
    transaction: (work, options) => store.transaction((tx) => work(crashableTx(tx, life)), options),
  };
  return crashableStore(byStatement, life);
}

/** Wraps a bus for one process. Events in flight when the process dies are not acknowledged and are redelivered. */
export function crashableBus(bus: Bus, life: ProcessLife): Bus {
  const open = new Set<Subscription>();
  const drops: Promise<void>[] = [];
  const drop = (one: Subscription): void => void drops.push(one.close(AbortSignal.abort(life.dead.reason)).catch(() => {}));
  life.dead.addEventListener('abort', () => open.forEach(drop), { once: true });
  const deliver = async (what: string, handle: () => Promise<void>): Promise<void> => {
    await life.step(`gets ${what}`);
    await whileAlive(life, undefined, handle);
    await life.step('acknowledges');
  };
  return {
    ...bus,
    async publish(topic, envelopes) {
      await life.step(`publishes ${envelopes.length} ${topic}`);
      await whileAlive(life, undefined, () => bus.publish(topic, envelopes));
      await life.step('has published');
    },
    async subscribe(options) {
      await life.step(`subscribes to ${options.topic}`);
      const { handle, unreadable } = options;
      const one = await bus.subscribe({
        ...options,
        handle: (envelope, delivery) => deliver(`${envelope.type} ${envelope.id}`, () => handle(envelope, delivery)),
        unreadable: unreadable && ((message, delivery) => deliver(`message ${message.id}`, () => unreadable(message, delivery))),
      });
      open.add(one);
      if (life.dead.aborted) drop(one);
      return one;
    },
    pending: (topic, group, positions) => whileAlive(life, undefined, () => bus.pending(topic, group, positions)),
    async close() {
      await Promise.all(drops);
      await bus.close();
    },
  };
}

/** Wraps a transport for one process, whose calls end with it. */
export function crashableTransport(transport: Transport, life: ProcessLife): Transport {
  return {
    async send(attempt) {
      await life.step(`calls ${attempt.operation.service}.${attempt.operation.name} ${attempt.key}`);
      const answer = await whileAlive(life, attempt.signal, (signal) => transport.send({ ...attempt, signal }));
      await life.step(`is answered ${answer.kind}`);
      return answer;
    },
    close: () => transport.close(),
  };
}

/** Wraps the endpoint of one process. If the process dies during a call, the call rejects with `Unreachable`. */
export function crashableEndpoint(endpoint: Endpoint, life: ProcessLife): Endpoint {
  return {
    handle: (attempt) =>
      orAborted(endpoint.handle(attempt), life.dead).catch((error: unknown) => {
        throw life.dead.aborted ? new Unreachable(`${life.name} died with the call in flight`) : error;
      }),
  };
}
