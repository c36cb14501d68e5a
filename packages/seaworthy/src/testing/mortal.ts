import type { Bus, Subscription } from '../bus/bus.ts';
import type { Transport } from '../client/transport.ts';
import { scope } from '../core/abort.ts';
import { readerBy } from '../store/read-by.ts';
import type { Store } from '../store/store.ts';
import type { Life } from './life.ts';

/** What a dead process was at comes to nothing, and nothing of it goes on: neither its `catch` nor its `finally`. */
async function whileAlive<T>(life: Life, signal: AbortSignal | undefined, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
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

/** A database as one process sees it: it may die before and after each commit and each read. The database lives on. */
export function mortalStore<T, R>(store: Store<T, R>, life: Life): Store<T, R> {
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

/** A bus as one process sees it: what it dies over is not acknowledged, and goes to others. */
export function mortalBus(bus: Bus, life: Life): Bus {
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

/** A way to a service as one process sees it: its calls end with it. */
export function mortalTransport(transport: Transport, life: Life): Transport {
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
