import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import pg from 'pg';
import { macrotask } from '../../core/event-loop.ts';
import { runtime } from '../../core/runtime.ts';
import type { Store } from '../store.ts';
import { administer, freshPostgres, hasty, openBank, postgresMissing, postgresUrl } from './postgres.fixture.ts';
import { postgres } from './postgres.ts';

const until = async (met: () => boolean | Promise<boolean>): Promise<void> => {
  while (!(await met())) await macrotask();
};

/** Opens the same service as another process would. */
async function openBeside(t: TestContext, schema: (service: string) => string, service = 'bank', machine = runtime()): Promise<Store> {
  const store = await postgres({ url: postgresUrl, connections: 4, schema }).open(service, machine);
  t.after(() => store.close());
  return store;
}

/** The topics that a store has heard of, from its own process and from others. */
function heardBy(store: Store, ...topics: readonly string[]): string[] {
  const heard: string[] = [];
  for (const topic of topics) store.listen(topic, () => heard.push(topic));
  return heard;
}

describe('postgres: notices', { skip: postgresMissing ?? false }, () => {
  test('processes hear each other about their service, after the commit, and not about others', async (t) => {
    const ground = freshPostgres({ connections: 4 });
    const one = await openBank(t, ground);
    const two = await openBeside(t, ground.schema);
    const same = await ground.driver.open('bank', runtime());
    const other = await openBeside(t, ground.schema, 'other');
    t.after(() => same.close());
    await until(() => [one, two, same, other].every((store) => store.hears()));
    const heard = [one, two, same].map((store) => heardBy(store, 'orders', 'bills'));
    const strangers = heardBy(other, 'orders', 'bills');
    await one.transaction(async (tx) => {
      tx.notify('orders');
      await tx
        .savepoint(async () => {
          tx.notify('bills');
          throw new Error('back');
        })
        .catch(() => {});
      await tx.run('insert into item values (?)', 'a');
    });
    await until(() => heard.every((topics) => topics.length === 1));
    assert.deepEqual(heard, [['orders'], ['orders'], ['orders']]);
    two.notify('bills');
    await until(() => heard.every((topics) => topics.length === 2));
    other.notify('orders');
    await until(() => strangers.length === 1);
    two.notify('orders');
    await until(() => heard.every((topics) => topics.length === 3));
    assert.deepEqual(heard, [
      ['orders', 'bills', 'orders'],
      ['orders', 'bills', 'orders'],
      ['orders', 'bills', 'orders'],
    ]);
    assert.deepEqual(strangers, ['orders']);
  });

  test('a listener whose connection is terminated says so, wakes everybody, and comes back', async (t) => {
    const ground = freshPostgres({ url: `${postgresUrl}?application_name=sw_listens_${process.pid}` });
    const store = await openBank(t, ground, hasty());
    const other = await openBeside(t, ground.schema);
    await until(() => store.hears() && other.hears());
    const heard = heardBy(store, 'orders');
    await administer(
      `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'sw_listens_${process.pid}' and query = 'listen seaworthy'`,
    );
    await until(() => !store.hears());
    assert.deepEqual(heard, ['orders']);
    await until(() => store.hears());
    assert.deepEqual(heard, ['orders', 'orders']);
    other.notify('orders');
    await until(() => heard.length === 3);
    assert.equal((await store.read.all('select 1')).length, 1);
  });

  test('what strangers send on the channel harms nothing', async (t) => {
    const ground = freshPostgres();
    const store = await openBank(t, ground);
    const other = await openBeside(t, ground.schema);
    await until(() => store.hears() && other.hears());
    const schema = ground.schema('bank');
    const heard = heardBy(store, 'orders', '__proto__');
    const texts = [
      ...[
        '',
        'hello',
        'null',
        '[]',
        '7',
        '"text"',
        '{}',
        '{"schema": null, "topic": null}',
        '{"schema": 1, "topic": {}}',
        '[{"schema": 1}]',
      ],
      ...[
        JSON.stringify({ schema, topic: 7 }),
        JSON.stringify({ schema, topic: ['orders'] }),
        JSON.stringify({ schema: [schema], topic: 'orders' }),
      ],
      ...[JSON.stringify({ schema: '__proto__', topic: '__proto__' }), JSON.stringify({ echo: 'mine' }), '{'.repeat(7000), '\u{1f600}'],
    ];
    await administer(...texts.map((text) => `select pg_notify('seaworthy', '${text}')`));
    other.notify('orders');
    await until(() => heard.length > 0);
    assert.deepEqual(heard, ['orders']);
    assert.equal(store.hears(), true);
  });

  test('a burst is sent as one notice of each topic', async (t) => {
    const ground = freshPostgres();
    const store = await openBank(t, ground);
    const listener = new pg.Client({ connectionString: postgresUrl });
    await listener.connect();
    t.after(() => listener.end());
    const payloads: string[] = [];
    listener.on('notification', ({ payload = '' }) => payload.includes(ground.schema('bank')) && payloads.push(payload));
    await listener.query('listen seaworthy');
    await until(() => store.hears());
    for (let n = 0; n < 1000; n++) {
      store.notify('orders');
      store.notify('bills');
    }
    store.notify('last');
    const topics = (): readonly string[] => payloads.map((payload) => JSON.parse(payload).topic);
    await until(() => topics().includes('last'));
    // The first may have gone out at once; the rest went together.
    assert.deepEqual([...new Set(topics())].toSorted(), ['bills', 'last', 'orders']);
    assert.ok(payloads.length <= 4, `${payloads.length}`);
  });

  test('without prepared statements, as behind a pooler, a store does not say that it hears others', async (t) => {
    const ground = freshPostgres({ prepare: false });
    const store = await openBank(t, ground);
    const other = await openBeside(t, ground.schema);
    await until(() => other.hears());
    const heard = heardBy(other, 'orders');
    // It tells others all the same.
    store.notify('orders');
    await until(() => heard.length === 1);
    assert.equal(store.hears(), false);
  });
});
