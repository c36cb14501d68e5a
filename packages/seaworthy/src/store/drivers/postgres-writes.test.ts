import assert from 'node:assert/strict';
import type { Writable } from 'node:stream';
import { test } from 'node:test';
import pg from 'pg';
import { runtime } from '../../core/runtime.ts';
import { fenced } from '../fenced.ts';
import type { Store } from '../store.ts';
import { postgresMissing, postgresUrl } from './postgres.fixture.ts';
import { postgres } from './postgres.ts';

const skip = postgresMissing ?? false;

/** Opens a store with a table, runs `work` on it, and returns how often the driver wrote to a socket meanwhile. */
async function writesOf(work: (store: Store) => Promise<void>): Promise<number> {
  let writes = 0;
  const pool = new pg.Pool({ connectionString: postgresUrl, max: 5, pipeline: true } as pg.PoolConfig);
  pool.on('connect', (client) => {
    const { stream } = (client as unknown as { readonly connection: { readonly stream: Writable } }).connection;
    for (const name of ['_write', '_writev'] as const) {
      const write = stream[name] as (...given: unknown[]) => void;
      stream[name] = (...given: unknown[]) => {
        writes++;
        write.apply(stream, given);
      };
    }
  });
  const schema = `sw_writes_${process.pid}`;
  const store = await postgres({ pool: pool as never, schema: () => schema }).open('writes', runtime());
  try {
    await store.migrate([{ name: 'writes/1', statements: ['create table item (name text primary key)'] }]);
    await work(store);
    writes = 0;
    await work(store);
    return writes;
  } finally {
    await pool.query(`drop schema ${schema} cascade`);
    await store.close();
    await pool.end();
  }
}

const insert = 'insert into item values (?) on conflict (name) do nothing';

test('a query is one write', { skip }, async () => {
  assert.equal(await writesOf(async (store) => void (await store.read.all('select name from item'))), 1);
});

test('a transaction whose statements all run with the commit is one write', { skip }, async () => {
  const work = async (store: Store): Promise<void> => {
    await store.transaction(async (tx) => {
      for (const name of ['a', 'b', 'c']) tx.runAtCommit(insert, name);
    }, fenced);
  };
  assert.equal(await writesOf(work), 1);
});

test('a transaction begins with the write of its first statement, and several statements at once are one', { skip }, async () => {
  const work = async (store: Store): Promise<void> => {
    await store.transaction(async (tx) => {
      await tx.run(insert, 'a');
      await tx.runAll([
        [insert, 'b'],
        [insert, 'c'],
      ]);
    });
  };
  assert.equal(await writesOf(work), 3);
});
