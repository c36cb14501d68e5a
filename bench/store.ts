import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { runtime } from 'seaworthy/core';
import { sqlite } from 'seaworthy/store/sqlite';
import { bench } from './harness.ts';

/** Small transactions on a real disk, `synchronous=FULL`, beside the same statements on bare node:sqlite without a promise. */
const dir = mkdtempSync(join(import.meta.dirname, 'store-'));
const table = 'create table item (id integer primary key, name text not null, amount integer not null)';
const insert = 'insert into item (name, amount) values (?, ?)';
const select = 'select name, amount from item where id = ?';
const group = 16;
const transactions = 8000;
const alone = 1500;
const reads = 30_000;

const store = await sqlite({ dir }).open('ours', runtime());
await store.migrate([{ name: 'item/1', statements: [table] }]);

const bare = new DatabaseSync(join(dir, 'bare.db'));
bare.exec('pragma journal_mode = wal; pragma synchronous = full; pragma foreign_keys = on');
bare.exec(table);
const bareInsert = bare.prepare(insert);
const bareSelect = bare.prepare(select);

/** Measures the transactions a second. */
async function rate(count: number, work: () => void | Promise<void>): Promise<number> {
  const began = performance.now();
  await work();
  return (count / (performance.now() - began)) * 1000;
}

/** Runs `clients` at one time, each with one transaction after another. */
const ours = (count: number, clients: number): Promise<number> =>
  rate(count, async () => {
    let left = count;
    const client = async (): Promise<void> => {
      while (left-- > 0) await store.transaction((tx) => tx.run(insert, 'anchor', left));
    };
    await Promise.all(Array.from({ length: clients }, client));
  });

const bareGroups = (count: number, size: number): Promise<number> =>
  rate(count, () => {
    for (let done = 0; done < count; done += size) {
      bare.exec('begin immediate');
      for (let member = 0; member < size; member++) {
        bare.exec('savepoint member');
        bareInsert.run('anchor', done + member);
        bare.exec('release member');
      }
      bare.exec('commit');
    }
  });

try {
  await ours(1000, group);
  await bareGroups(1008, group);
  await bench(
    'store',
    [
      {
        metric: `transactions, ${group} at a time`,
        unit: '1/s',
        higher: true,
        ours: () => ours(transactions, group),
        peers: {},
        limit: { name: `node:sqlite, groups of ${group}`, run: () => bareGroups(transactions, group) },
      },
      {
        metric: 'transactions, one at a time',
        unit: '1/s',
        higher: true,
        ours: () => ours(alone, 1),
        peers: {},
        limit: { name: 'node:sqlite, a commit each', run: () => bareGroups(alone, 1) },
      },
      {
        metric: 'reads of one row',
        unit: '1/s',
        higher: true,
        ours: () =>
          rate(reads, async () => {
            for (let id = 1; id <= reads; id++) await store.read.all(select, (id % 1000) + 1);
          }),
        peers: {},
        limit: {
          name: 'node:sqlite',
          run: () =>
            rate(reads, () => {
              for (let id = 1; id <= reads; id++) bareSelect.all((id % 1000) + 1);
            }),
        },
      },
    ],
    { rounds: 5, notes: () => ['synchronous=FULL, WAL, one insert a transaction; the limit is one synchronous loop without promises.'] },
  );
} finally {
  await store.close();
  bare.close();
  rmSync(dir, { recursive: true, force: true });
}
