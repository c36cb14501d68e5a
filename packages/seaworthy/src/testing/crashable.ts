import type { Bus, Subscription } from '../bus/bus.ts';
import type { Transport } from '../client/transport.ts';
import { scope } from '../core/abort.ts';
import { readerBy } from '../store/read-by.ts';
import type { Store } from '../store/store.ts';
import type { ProcessLife } from './process-life.ts';

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

/** Wraps a bus for one process. Events in flight when the process dies are not acknowledged and are redelivered. */
export function crashableBus(bus: Bus, life: ProcessLife): Bus {
  const open = new Set<Subscription>();
  const drop = (one: Subscription): void => void one.close(AbortSignal.abort(life.dead.reason)).catch(() => {});
  life.dead.addEventListener('abort', () => open.forEach(drop), { once: true });
  return {
    ...bus,
    async publish(topic, envelopes) {
      await life.step(`publishes ${envelopes.length} ${topic}`);
      await whileAlive(life, undefined, () => bus.publish(topic, envelopes));
      await life.step('has published');
    },
    async subscribe(options) {
      await life.step(`subscribes to ${options.topic}`);
      const one = await bus.subscribe({
        ...options,
        async handle(envelope, delivery) {
          await life.step(`gets ${envelope.type} ${envelope.id}`);
          await whileAlive(life, undefined, () => options.handle(envelope, delivery));
          await life.step('acknowledges');
        },
      });
      open.add(one);
      if (life.dead.aborted) drop(one);
      return one;
    },
    pending: (topic, group, positions) => whileAlive(life, undefined, () => bus.pending(topic, group, positions)),
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
