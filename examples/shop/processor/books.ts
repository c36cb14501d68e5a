import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

export type ChargeState = 'captured' | 'declined' | 'refunded' | 'void';

export interface Charge {
  readonly chargeId: string;
  readonly key: string;
  readonly orderId: string;
  readonly amount: number;
  readonly token: string;
  readonly state: ChargeState;
}

/** The durable books of the processor. Each write is on disk before it resolves; concurrent writes share a commit. */
export interface Books {
  find(key: string): Charge | undefined;
  capturesOf(orderId: string): readonly Charge[];
  /** Writes a charge, or returns the existing one under its key. */
  add(charge: Omit<Charge, 'chargeId'>): Promise<Charge>;
  /** Refunds a capture, or voids a key that was never charged, forever. */
  void(key: string): Promise<Charge>;
  close(): void;
}

const columns = 'charge_id as chargeId, key, order_id as orderId, amount, token, state';

export function openBooks(dir: string): Books {
  mkdirSync(dir, { recursive: true });
  const database = new DatabaseSync(join(dir, 'processor.db'));
  database.exec(`
    pragma journal_mode = wal; pragma synchronous = full; pragma busy_timeout = 2000;
    create table if not exists charge (
      charge_id text not null, key text primary key, order_id text not null, amount integer not null, token text not null, state text not null);
    create index if not exists charge_order on charge (order_id)`);
  const byKey = database.prepare(`select ${columns} from charge where key = ?`);
  const byOrder = database.prepare(`select ${columns} from charge where order_id = ? and state in ('captured', 'refunded')`);
  const insert = database.prepare('insert into charge (charge_id, key, order_id, amount, token, state) values (?, ?, ?, ?, ?, ?)');
  const refund = database.prepare("update charge set state = 'refunded' where key = ? and state = 'captured'");
  const find = (key: string): Charge | undefined => byKey.get(key) as unknown as Charge | undefined;

  let waiting: (() => void)[] = [];
  /** Runs a write in the transaction of this turn of the event loop. */
  function write<T>(work: () => T): Promise<T> {
    if (waiting.length === 0) {
      database.exec('begin immediate');
      setImmediate(() => {
        const done = waiting;
        waiting = [];
        database.exec('commit');
        for (const resolve of done) resolve();
      });
    }
    return new Promise((resolve) => {
      const value = work();
      waiting.push(() => resolve(value));
    });
  }
  const put = (charge: Omit<Charge, 'chargeId'>): Charge => {
    insert.run(`ch-${charge.key}`, charge.key, charge.orderId, charge.amount, charge.token, charge.state);
    return find(charge.key) as Charge;
  };

  return {
    find,
    capturesOf: (orderId) => byOrder.all(orderId) as unknown as Charge[],
    add: (charge) => write(() => find(charge.key) ?? put(charge)),
    void: (key) =>
      write(() => {
        if (!find(key)) return put({ key, orderId: '', amount: 0, token: '', state: 'void' });
        refund.run(key);
        return find(key) as Charge;
      }),
    close: () => database.close(),
  };
}
