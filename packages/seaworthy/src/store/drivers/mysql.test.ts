import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import mysql2 from 'mysql2/promise';
import { type Runtime, runtime } from '../../core/runtime.ts';
import { conformance } from '../conformance.ts';
import { CommitUnknown, MigrationFailed, StatementFailed, StoreUnusable } from '../errors.ts';
import type { Migration, Store, Tx } from '../store.ts';
import { administer, freshMysql, mysqlMissing, mysqlUrl } from './mysql.fixture.ts';
import { type MysqlPool, poolOptions } from './mysql.ts';

const skip = mysqlMissing ?? false;

describe('mysql', { skip }, () => {
  for (const { name, run } of conformance(() => freshMysql())) test(name, run);
});

const counters: Migration = {
  name: 'counters/1',
  statements: ({ types: { key, integer, text } }) => [
    `create table counter (name ${key} not null primary key, n ${integer} not null, note ${text}, short varchar(3))`,
  ],
};

const poolOf = (options: object = {}): MysqlPool =>
  mysql2.createPool({ ...poolOptions, uri: mysqlUrl, connectionLimit: 6, ...options }) as unknown as MysqlPool;

interface Given {
  readonly pool?: MysqlPool;
  readonly runtime?: Runtime;
}

/** Runs `work` on a store with the table of counters, among them `a` and `b`. */
async function onStore(work: (store: Store) => Promise<void>, { pool, runtime: given = runtime() }: Given = {}): Promise<void> {
  const { driver, end } = freshMysql(pool);
  const store = await driver.open('bank', given);
  try {
    await store.migrate([counters]);
    await store.transaction((tx) => tx.run("insert into counter (name, n) values ('a', 0), ('b', 0)"));
    await work(store);
  } finally {
    await store.close();
    await pool?.end();
    await end?.();
  }
}

const add = (tx: Tx, name: string): Promise<unknown> => tx.run('update counter set n = n + 1 where name = ?', name);
const counted = async ({ read }: Store): Promise<readonly unknown[]> =>
  (await read.all('select n from counter order by name')).map(({ n }) => n);

/** The server's numbers of the connections that run a statement. */
const running = async (like: string): Promise<readonly unknown[]> =>
  (await administer(`select id from information_schema.processlist where info like '${like}' and id <> connection_id()`)).map(
    (row) => row['id'] ?? row['ID'],
  );

const hasMessage = (pattern: RegExp) => (error: unknown) => error instanceof StatementFailed && pattern.test(error.message);

describe('mysql and nothing else', { skip }, () => {
  test('of two transactions that lock each other, both commit all that they do and nothing twice', async () => {
    await onStore(async (store) => {
      const reached = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      const cross = (mine: number, names: readonly [string, string]): Promise<unknown> =>
        store.transaction(async (tx) => {
          await add(tx, names[0]);
          reached[mine]?.resolve();
          await reached[1 - mine]?.promise;
          // The second one waits behind the first, and must not be sent once that one is the victim.
          await Promise.all([add(tx, names[1]), tx.run('insert into counter (name, n) values (?, 1)', `of ${mine}`)]);
        });
      await Promise.all([cross(0, ['a', 'b']), cross(1, ['b', 'a'])]);
      assert.deepEqual(await counted(store), [2, 2, 1, 1]);
    });
  });

  test('a transaction whose wait for a lock takes too long runs again as a whole', async () => {
    const pool = poolOf();
    (pool as unknown as { on(event: 'connection', made: (connection: { query(sql: string): void }) => void): void }).on(
      'connection',
      (connection) => connection.query('set innodb_lock_wait_timeout = 1'),
    );
    await onStore(
      async (store) => {
        const waits = Promise.withResolvers<void>();
        let runs = 0;
        const holder = store.transaction(async (tx) => {
          await add(tx, 'a');
          await waits.promise;
        });
        const waiter = store.transaction(async (tx) => {
          await add(tx, 'b');
          if (++runs > 1) waits.resolve();
          await add(tx, 'a');
        });
        await Promise.all([holder, waiter]);
        assert.ok(runs > 1);
        assert.deepEqual(await counted(store), [2, 1]);
      },
      { pool },
    );
  });

  test('a statement of an aborted transaction ends in the server, also while it waits for a lock', async () => {
    await onStore(async (store) => {
      const controller = new AbortController();
      await store.transaction(async (tx) => {
        await add(tx, 'a');
        const waiting = store.transaction((other) => other.run("update counter set n = n + 1, note = 'waits' where name = 'a'"), {
          lane: 'own',
          signal: controller.signal,
        });
        while ((await running("%note = ''waits''%")).length === 0);
        controller.abort(new Error('left'));
        await assert.rejects(waiting, /left/);
        while ((await running("%note = ''waits''%")).length > 0);
      });
      assert.deepEqual(await counted(store), [1, 0]);
    });
  });

  test('a transaction whose connection is killed runs again on another one', async () => {
    await onStore(async (store) => {
      let runs = 0;
      await store.transaction(async (tx) => {
        await add(tx, 'a');
        const [row] = await tx.all('select connection_id() as id');
        if (++runs === 1) await administer(`kill ${row?.['id']}`);
        await add(tx, 'b');
      });
      assert.equal(runs, 2);
      assert.deepEqual(await counted(store), [1, 1]);
      assert.equal(store.condition().state, 'well');
    });
  });

  test('a commit whose connection is lost has an unknown outcome', async () => {
    const pool = poolOf();
    let cut = false;
    const cutting: MysqlPool = {
      end: () => pool.end(),
      async getConnection() {
        const client = await pool.getConnection();
        const query = client.query.bind(client);
        client.query = (sql) => {
          if (sql === 'commit' && cut) client.destroy();
          return query(sql);
        };
        return client;
      },
    };
    await onStore(
      async (store) => {
        cut = true;
        await assert.rejects(
          store.transaction((tx) => add(tx, 'a')),
          CommitUnknown,
        );
        cut = false;
        await store.transaction((tx) => add(tx, 'b'));
        assert.equal((await counted(store))[1], 1);
      },
      { pool: cutting },
    );
  });

  test('an insert of new rows ignores those that are there, and no other error', async () => {
    await onStore(async (store) => {
      const insert = store.dialect.insertNew({ table: 'counter', columns: 'name, n, short', key: 'name' });
      const wrong = [
        ['c', 1, 'too long'],
        ['c', null, 'abc'],
        ['c', 2n ** 63n, 'abc'],
      ];
      for (const values of wrong)
        await assert.rejects(
          store.transaction((tx) => tx.run(insert, ...values)),
          StatementFailed,
          String(values),
        );
      const several = store.dialect.insertNew({
        table: 'counter',
        columns: 'name, n, short',
        key: 'name',
        from: "select 'a', 1, 'abc' union all select 'c', 1, 'too long'",
      });
      await assert.rejects(
        store.transaction((tx) => tx.run(several)),
        hasMessage(/a row was refused \(error 1265|1406\)/),
      );
      assert.deepEqual(await counted(store), [0, 0]);
    });
  });

  test('stores that share connections keep to their own databases, though their statements are the same', async () => {
    const { driver, end } = freshMysql(poolOf({ connectionLimit: 4 }));
    const stores = await Promise.all(['one', 'two', 'three'].map((service) => driver.open(service, runtime())));
    for (const store of stores) await store.migrate([counters]);
    const own = (index: number): Migration => ({ name: `store/${index}`, statements: ['create table other (n integer)'] });
    for (const [index, store] of [...stores.entries()].toReversed()) await store.migrate([own(index)]);
    for (const [index, store] of stores.entries())
      assert.deepEqual(await store.read.all('select name from sw_migration order by name'), [
        { name: 'counters/1' },
        { name: `store/${index}` },
      ]);
    for (let round = 0; round < 5; round++) {
      await Promise.all(
        stores.map((store, index) => store.transaction((tx) => tx.run('insert into counter (name, n) values (?, ?)', `${round}`, index))),
      );
      for (const store of stores.toReversed()) await store.read.all('select count(*) as n from counter');
    }
    for (const [index, store] of stores.entries())
      assert.deepEqual(await store.read.all('select n, count(*) as count from counter group by n'), [{ n: index, count: 5 }]);
    for (const store of stores) await store.close();
    await end?.();
  });

  test('SQL means what it means on the other engines', async () => {
    await onStore(async (store) => {
      const [row] = await store.read.all(
        `select 'C:\\new' as path, 'a' || 'b' as joined, 7 div 2 as whole, ? as big, ? as small, ? as text, cast(1.50 as decimal(9, 2)) as price,
          timestamp '2020-01-02 03:04:05' as at, 'A' = 'a' as same, 'a ' = 'a' as padded, ? as truth`,
        2n ** 60n + 1n,
        5,
        'it\'s \\ " ?',
        true,
      );
      assert.deepEqual(row, {
        path: 'C:\\new',
        joined: 'ab',
        whole: 3,
        big: 2n ** 60n + 1n,
        small: 5,
        text: 'it\'s \\ " ?',
        price: '1.50',
        at: '2020-01-02 03:04:05',
        same: 0,
        padded: 0,
        truth: 1,
      });
      await store.transaction((tx) => tx.run('update counter set note = ? where name = ?', 10 ** 15, 'a'));
      assert.deepEqual(await store.read.all("select note from counter where name = 'a'"), [{ note: '1000000000000000' }]);
      assert.deepEqual(await store.read.all('select name from counter order by name limit ? offset ?', 1, 1), [{ name: 'b' }]);
    });
  });

  test('a value that does not fit is refused, and the error has its column and not the value', async () => {
    await onStore(async (store) => {
      const wrong: Readonly<Record<string, readonly [sql: string, value: string | number | bigint, why: RegExp]>> = {
        'a text that is no number': ['update counter set n = ?', 'secret', /does not fit for column .*n.* \(error 1366\)/],
        'a number of more than 64 bits': ['update counter set n = ?', 2n ** 64n, /does not fit into 64 bits/],
        'a number that the column does not take': ['update counter set n = ?', 2n ** 63n, /Out of range|does not fit/],
        'no number': ['update counter set n = ?', Number.POSITIVE_INFINITY, /Infinity/],
        'a long text': ['update counter set short = ?', 'secret', /too long for column|does not fit/],
        'no date': ['update counter set note = date_add(?, interval 1 day)', 'secret', /does not fit/],
        'a second row': ["insert into counter (name, n) values ('a', ?)", 1, /a row with the same key is there already for key .*PRIMARY/],
        'more than the server takes': ['update counter set note = ?', 'secret'.repeat(20_000_000), /max_allowed_packet/],
      };
      for (const [what, [sql, value, why]] of Object.entries(wrong))
        await assert.rejects(
          store.transaction((tx) => tx.run(sql, value)),
          (error: unknown) => hasMessage(why)(error) && !/secret/.test(`${(error as Error).message} ${(error as Error).cause}`),
          what,
        );
      assert.equal(store.condition().state, 'well');
    });
  });

  test('statements that concern the connection, or commit, are refused by name', async () => {
    await onStore(async (store) => {
      for (const statement of [
        "set sql_mode = ''",
        'use mysql',
        'call something()',
        'truncate counter',
        'lock tables counter write',
        "prepare x from 'select 1'",
        "/*! set sql_mode = '' */",
        'select 1 /*!50000 , 2 */ as n',
        'xa start 1',
        'start transaction',
      ])
        await assert.rejects(
          store.transaction((tx) => tx.run(statement)),
          hasMessage(/^the statement /),
          statement,
        );
    });
  });

  test('a migration whose reference MySQL would ignore is refused', async () => {
    await onStore(async (store) => {
      const column = 'create table entry (counter varchar(255) references counter (name))';
      await assert.rejects(
        store.migrate([{ name: 'entry/1', statements: [column] }]),
        (error: unknown) => error instanceof MigrationFailed && /foreign key \(\.\.\.\) references/.test(error.message),
      );
    });
  });

  test('a pool that is not made with the options of the driver is refused by name', async () => {
    const wrong: readonly (readonly [options: object, what: RegExp])[] = [
      [{ supportBigNumbers: false }, /supportBigNumbers: true/],
      [{ flags: '-FOUND_ROWS' }, /FOUND_ROWS/],
      [{ multipleStatements: true }, /multipleStatements/],
    ];
    for (const [options, what] of wrong) {
      const pool = poolOf(options);
      const { driver } = freshMysql(pool);
      await assert.rejects(driver.open('bank', runtime()), (error: unknown) => error instanceof StoreUnusable && what.test(error.message));
      await pool.end();
    }
  });

  test('a server that does not answer is reported as such', async () => {
    const pool = poolOf({ uri: 'mysql://root@127.0.0.1:1' });
    await assert.rejects(
      freshMysql(pool).driver.open('bank', runtime()),
      (error: unknown) => error instanceof StoreUnusable && /cannot be reached/.test(error.message),
    );
    await pool.end();
  });
});
