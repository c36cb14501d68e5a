import type { Bus } from '../../bus/bus.ts';
import { allBy, readerBy } from '../../store/read-by.ts';
import type { Read, Reader, Store, Tx } from '../../store/store.ts';

/** What a dead process gets from everything that it touches. Nobody but the suite ever sees it. */
export class Crashed extends Error {}

/** The life of one process, counted in the steps at which it may end: statements, commits, sends, acknowledgements. */
export interface Fuse {
  /** Takes a step. Throws `Crashed` when it was the last, and from then on always. */
  burn(step: string): void;
  blow(): void;
  readonly blown: boolean;
  /** Where it blew. */
  readonly at: string | undefined;
}

/** A fuse of so many steps. */
export function fuse(steps = Number.POSITIVE_INFINITY): Fuse {
  let left = steps;
  let blown = false;
  let at: string | undefined;
  return {
    burn(step) {
      if (!blown && --left <= 0) {
        blown = true;
        at = step;
      }
      if (blown) throw new Crashed(`the process is dead, since ${at}`);
    },
    blow() {
      blown = true;
    },
    get blown() {
      return blown;
    },
    get at() {
      return at;
    },
  };
}

const mortalRead = (read: Read, life: Fuse): Reader =>
  readerBy(async (sql, values) => {
    if (life.blown) life.burn(sql);
    return read.all(sql, ...values);
  });

const mortalTx = (tx: Tx, life: Fuse): Tx => ({
  dialect: tx.dialect,
  all: allBy(async (sql, values) => {
    life.burn(sql);
    return tx.all(sql, ...values);
  }),
  async run(sql, ...values) {
    life.burn(sql);
    return tx.run(sql, ...values);
  },
  async runAll(statements) {
    life.burn('several statements');
    return tx.runAll(statements);
  },
  savepoint: (work) => tx.savepoint(work),
  runAtCommit(sql, ...values) {
    life.burn(sql);
    tx.runAtCommit(sql, ...values);
  },
  notify: (topic) => tx.notify(topic),
  get level() {
    return tx.level;
  },
});

/** The database as one mortal process sees it. */
export function mortalStore(store: Store, life: Fuse): Store {
  return {
    dialect: store.dialect,
    read: mortalRead(store.read, life),
    sqlRead: mortalRead(store.sqlRead, life),
    sql: (tx) => tx,
    async transaction(work, options) {
      if (life.blown) life.burn('begin');
      const value = await store.transaction(async (tx) => {
        const result = await work(mortalTx(tx, life));
        life.burn('before the commit');
        return result;
      }, options);
      life.burn('after the commit');
      return value;
    },
    condition: () => store.condition(),
    now: () => store.now(),
    listen: (topic, wake) => store.listen(topic, wake),
    notify: (topic) => store.notify(topic),
    migrate: (migrations) => store.migrate(migrations),
    close: () => store.close(),
  };
}

/** The bus as one mortal process sees it: what it dies over is not acknowledged. */
export function mortalBus(bus: Bus, life: Fuse): Bus {
  return {
    ...bus,
    async publish(topic, envelopes) {
      life.burn('before the publish');
      await bus.publish(topic, envelopes);
      life.burn('after the publish');
    },
    subscribe: (options) =>
      bus.subscribe({
        ...options,
        async handle(envelope, delivery) {
          if (life.blown) life.burn('delivery');
          await options.handle(envelope, delivery);
          life.burn('acknowledgement');
        },
        unreadable:
          options.unreadable &&
          (async (message, delivery) => {
            if (life.blown) life.burn('delivery');
            await options.unreadable?.(message, delivery);
            life.burn('acknowledgement');
          }),
      }),
    async pending(topic, group, positions) {
      if (life.blown) life.burn('pending');
      return bus.pending(topic, group, positions);
    },
  };
}
