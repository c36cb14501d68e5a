import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { runtime } from '../core/runtime.ts';
import { seededRandom } from '../testing/clock.ts';
import { claim } from './claim.ts';
import type { Claiming } from './dialect.ts';
import { memory } from './drivers/memory.ts';
import { isDue, isFar } from './due.ts';
import type { Most } from './read-some.ts';
import type { Row, Store } from './store.ts';

interface Piece {
  readonly id: number;
  readonly due: number;
  readonly size: number;
  readonly owner: string;
}

const all = { rows: 100, bytes: 10_000 };
const now = 1000;
const longestMs = 500;

async function storeOf(pieces: readonly Piece[], seed = 1): Promise<Store> {
  const store = await memory().open('yard', runtime({ random: seededRandom(seed) }));
  await store.migrate([
    {
      name: 'yard/1',
      statements: [
        `create table piece (yard text not null, id integer not null, due integer not null, size integer not null, owner text not null,
          crashes integer not null default 0, primary key (yard, id))`,
      ],
    },
  ]);
  await store.transaction(async (tx) => {
    for (const { id, due, size, owner } of pieces)
      await tx.run("insert into piece (yard, id, due, size, owner) values ('here', ?, ?, ?, ?)", id, due, size, owner);
  });
  return store;
}

const claiming = (more: Partial<Claiming> = {}): Claiming => ({
  table: 'piece',
  key: ['yard', 'id'],
  live: { sql: 'yard = ?', values: ['here'] },
  due: isDue(now),
  owner: { sql: "owner = ''", values: [] },
  worker: 'me',
  columns: 'id, owner, crashes, size',
  size: 'size',
  ...more,
});

const idsOf = (rows: readonly Row[]): readonly number[] => rows.map((row) => Number(row['id']));
const taken = (store: Store, most: Most, more?: Partial<Claiming>): Promise<readonly Row[]> =>
  store.transaction((tx) => claim(tx, claiming(more), most));
const piece = (id: number, more: Partial<Piece> = {}): Piece => ({ id, due: id, size: 10, owner: '', ...more });

const cases: Readonly<
  Record<string, readonly [pieces: readonly Piece[], most: Most, more: Partial<Claiming>, expected: readonly number[]]>
> = {
  'those that have been due for longest come first': [
    [piece(1, { due: 30 }), piece(2, { due: 10 }), piece(3, { due: 20 })],
    all,
    {},
    [2, 3, 1],
  ],
  'what is not due yet waits': [[piece(1), piece(2, { due: now + 1 })], all, {}, [1]],
  'a time that no one can have meant is due': [
    [piece(1, { due: now + longestMs + 1 }), piece(2, { due: now + longestMs })],
    all,
    { due: isFar(now, longestMs) },
    [1],
  ],
  'without a time everything is due': [[piece(1), piece(2, { due: now + 1 })], all, { due: undefined }, [1, 2]],
  'rows of another owner are left': [[piece(1, { owner: 'you' }), piece(2)], all, {}, [2]],
  'rows of dead owners, where these are asked for': [
    [piece(1, { owner: 'you' }), piece(2), piece(3, { owner: 'gone' })],
    all,
    { owner: { sql: "owner <> '' and owner not in (?)", values: ['you'] } },
    [3],
  ],
  'no more rows than are allowed': [[1, 2, 3].map((id) => piece(id)), { ...all, rows: 2 }, {}, [1, 2]],
  'no more bytes than are allowed': [[1, 2, 3].map((id) => piece(id)), { ...all, bytes: 29 }, {}, [1, 2]],
  'one at least, however large': [[piece(1, { size: 500 }), piece(2)], { ...all, bytes: 100 }, {}, [1]],
  'nothing where there is no room': [[piece(1)], { ...all, rows: 0 }, {}, []],
};

for (const [name, [pieces, most, more, expected]] of Object.entries(cases)) {
  test(`a claim takes ${name}`, async () => {
    const store = await storeOf(pieces);
    assert.deepEqual(idsOf(await taken(store, most, more)), expected);
    const rows = await store.read.all("select id from piece where owner = 'me' order by due");
    assert.deepEqual(idsOf(rows), expected, 'and no other row has the owner');
    await store.close();
  });
}

test('a claim writes the given columns, and returns the rows as they are then', async () => {
  const store = await storeOf([piece(1, { owner: 'gone' })]);
  const [row] = await taken(store, all, {
    owner: { sql: "owner = 'gone'", values: [] },
    set: { sql: 'crashes = crashes + ?', values: [1] },
  });
  assert.deepEqual([row?.['owner'], row?.['crashes'], row?.['size']], ['me', 1, 10]);
  await store.close();
});

test('workers that claim at the same time share the rows: each is taken once, and none is left', async () => {
  const bounds = fc.record({ rows: fc.integer({ min: 1, max: 5 }), bytes: fc.integer({ min: 1, max: 60 }) });
  await fc.assert(
    fc.asyncProperty(fc.integer(), fc.array(fc.nat(30), { minLength: 1, maxLength: 15 }), bounds, async (seed, sizes, most) => {
      const store = await storeOf(
        sizes.map((size, id) => piece(id, { size })),
        seed,
      );
      const mine = new Map<string, number[]>();
      const work = async (worker: string): Promise<void> => {
        for (;;) {
          const rows = await taken(store, most, { worker });
          if (rows.length === 0) return;
          const bytes = rows.reduce((sum, row) => sum + Number(row['size']), 0);
          assert.ok(rows.length <= most.rows && (rows.length === 1 || bytes <= most.bytes));
          mine.set(worker, [...(mine.get(worker) ?? []), ...idsOf(rows)]);
        }
      };
      await Promise.all(['one', 'two', 'three'].map(work));
      const ids = [...mine.values()].flat();
      assert.deepEqual(
        ids.sort((one, other) => one - other),
        sizes.map((_, id) => id),
      );
      await store.close();
    }),
    { numRuns: 30 },
  );
});
