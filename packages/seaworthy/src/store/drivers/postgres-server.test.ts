import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, type TestContext, test } from 'node:test';
import { type PostgresCluster, postgresProgramsMissing, startPostgres } from '../../../../../scripts/postgres-cluster.ts';
import { type Clock, systemClock, type Timer } from '../../core/clock.ts';
import { runtime } from '../../core/runtime.ts';
import { CommitUnknown, StoreUnusable } from '../errors.ts';
import type { Store, Tx } from '../store.ts';
import { hasty, itemsOf, openBank } from './postgres.fixture.ts';
import { postgres } from './postgres.ts';
import { type Message, type PostgresProxy, startProxy } from './postgres-proxy.fixture.ts';

let cluster: PostgresCluster;
let banks = 0;

/** A clock whose timers are short, and wait while they are held. */
function heldClock(): Clock & { hold(): void; go(): void } {
  let held: (() => void)[] | undefined;
  return {
    ...systemClock,
    after(ms, run, options) {
      let cancelled = false;
      let timer: Timer | undefined;
      const start = (): void => {
        if (!cancelled) timer = systemClock.after(ms / 50, run, options);
      };
      if (held) held.push(start);
      else start();
      return {
        cancel() {
          cancelled = true;
          timer?.cancel();
        },
      };
    },
    hold() {
      held ??= [];
    },
    go() {
      const all = held ?? [];
      held = undefined;
      for (const start of all) start();
    },
  };
}

interface Behind {
  readonly store: Store;
  readonly proxy: PostgresProxy;
  readonly clock: ReturnType<typeof heldClock>;
}

/** A store on the server of this file, in a new schema, by way of a proxy. */
async function openBehind(t: TestContext): Promise<Behind> {
  const proxy = await startProxy(cluster.url());
  const clock = heldClock();
  const schema = `bank_${banks++}`;
  t.after(() => clock.go());
  const driver = postgres({ url: proxy.url, connections: 4, schema: () => schema });
  const store = await openBank(t, { driver, schema: () => schema, end: () => proxy.close() }, runtime({ clock }));
  return { store, proxy, clock };
}

const commits = ({ kind, text }: Message): boolean => kind === 'Q' && text === 'commit\0';
const committed = ({ kind, text }: Message): boolean => kind === 'C' && text === 'COMMIT\0';

/** Cuts the connection at the first message that matches, and holds the clock, so that nobody asks what became of it. Resolves then. */
function cutAt({ proxy, clock }: Behind, way: 'toServer' | 'toClient', matches: (message: Message) => boolean): Promise<void> {
  return new Promise((resolve) => {
    proxy[way] = (message) => {
      if (!matches(message)) return 'pass';
      clock.hold();
      proxy[way] = () => 'pass';
      resolve();
      return 'cut';
    };
  });
}

/** The ways in which a server comes to another life. */
const restarts: Readonly<Record<string, () => Promise<void>>> = {
  'is stopped and started': async () => {
    await cluster.down('fast');
    await cluster.up();
  },
  'crashes and is started': async () => {
    await cluster.down('immediate');
    await cluster.up();
  },
  'loses one of its processes, and recovers by itself': async () => {
    const began = (): Promise<string | undefined> => cluster.query('select stats_reset from pg_stat_bgwriter').catch(() => undefined);
    const before = await began();
    const pid = Number(
      await cluster.query("select min(pid) from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()"),
    );
    assert.ok(pid > 1);
    process.kill(pid, 'SIGKILL');
    for (let now = before; now === before || now === undefined; ) now = await began();
  },
};

describe('postgres: a server that does not stay up', { skip: postgresProgramsMissing() ?? false }, () => {
  before(async () => {
    // What no commit has asked for stays in memory for long: a crash loses it.
    const settings = { wal_writer_delay: '10s', autovacuum: 'off' };
    cluster = await startPostgres({ ...settings, fsync: 'off', max_connections: '40', shared_buffers: '8MB', restart_after_crash: 'on' });
  });
  after(() => cluster?.stop());

  for (const [how, restart] of Object.entries(restarts)) {
    test(`a server that ${how} cannot tell whether it made a commit before: the outcome is unknown`, async (t) => {
      const bank = await openBehind(t);
      const { store, clock } = bank;
      const cut = cutAt(bank, 'toClient', committed);
      const work = store.transaction((tx) => tx.run('insert into item values (?)', 'a'));
      const outcome = assert.rejects(work, (error: unknown) => error instanceof CommitUnknown && /has restarted/.test(error.message));
      await cut;
      await restart();
      clock.go();
      await outcome;
      assert.deepEqual(await itemsOf(store), ['a']);
    });
  }

  test('a server that crashes gives the number of a lost transaction to another one: that one is not taken for it', async (t) => {
    const bank = await openBehind(t);
    const { store, clock } = bank;
    for (let reused = false, attempt = 1; !reused; attempt++) {
      const name = `lost ${attempt}`;
      const cut = cutAt(bank, 'toServer', commits);
      let lost = '';
      const work = store.transaction(async (tx) => {
        await tx.run('insert into item values (?)', name);
        lost = String((await tx.all('select pg_current_xact_id()::text as id'))[0]?.['id']);
      });
      const outcome = work.catch((error: unknown) => error);
      await cut;
      await cluster.down('immediate');
      await cluster.up();
      // Others commit until one has had that number; unless a part of its log was on the disk, and the server knows it.
      let id = 0;
      do id = Number(await cluster.query('select pg_current_xact_id()'));
      while (id < Number(lost));
      reused = id === Number(lost);
      clock.go();
      if (!reused) {
        assert.equal(await outcome, undefined);
        continue;
      }
      assert.equal(await cluster.query(`select pg_xact_status('${lost}')`), 'committed');
      assert.ok((await outcome) instanceof CommitUnknown);
      assert.ok(!(await itemsOf(store)).includes(name));
    }
  });

  test('work whose commit has not come to a server that restarts runs again', async (t) => {
    const bank = await openBehind(t);
    const { store, clock } = bank;
    let runs = 0;
    const cut = cutAt(bank, 'toServer', commits);
    const work = store.transaction(async (tx) => {
      runs++;
      await tx.run('insert into item values (?)', 'a');
    });
    await cut;
    await cluster.down('fast');
    await cluster.up();
    clock.go();
    await work;
    assert.equal(runs, 2);
    assert.deepEqual(await itemsOf(store), ['a']);
  });

  test('a standby refuses transactions by name, and does not use up the connections; once it is promoted all is well', async (t) => {
    const { store, proxy } = await openBehind(t);
    const data = await cluster.query('show data_directory');
    await store.transaction((tx) => tx.run('insert into item values (?)', 'a'));
    await cluster.down('fast');
    writeFileSync(join(data, 'standby.signal'), '');
    await cluster.up();
    const unusable = (error: unknown): boolean => error instanceof StoreUnusable && /standby/.test(error.message);
    const insert = (tx: Tx): Promise<unknown> => tx.run('insert into item values (?)', 'b');
    await assert.rejects(store.transaction(insert), unusable);
    await assert.rejects(store.transaction(insert, { lane: 'own' }), unusable);
    await assert.rejects(
      store.transaction(async (tx) => tx.runAtCommit('insert into item values (?)', 'b')),
      unusable,
    );
    assert.equal(store.condition().state, 'failing');
    assert.deepEqual(await itemsOf(store), ['a']);
    // It cannot listen there, and tries again and again.
    for (const before = proxy.connections; proxy.connections < before + 8; ) await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(await itemsOf(store), ['a']);
    await cluster.query('select pg_promote()');
    await store.transaction(insert);
    assert.deepEqual(await itemsOf(store), ['a', 'b']);
    assert.equal(store.condition().state, 'well');
  });

  test('a server that refuses to let the service in says why when the store is opened, at once', async () => {
    const data = await cluster.query('show data_directory');
    const rules = join(data, 'pg_hba.conf');
    writeFileSync(rules, `host all locked 127.0.0.1/32 scram-sha-256\n${readFileSync(rules, 'utf8')}`);
    await cluster.query("create role locked login password 'right'");
    await cluster.query('create role crowded login connection limit 0');
    await cluster.query('select pg_reload_conf()');
    const at = (user: string, database = 'postgres', port = cluster.port): string => `postgres://${user}@127.0.0.1:${port}/${database}`;
    const reasons: readonly (readonly [string, RegExp])[] = [
      [at('locked:wrong'), /password authentication failed for user "locked"/],
      [at('nobody'), /role "nobody" does not exist/],
      [at('crowded'), /too many connections for role "crowded"/],
      [at('postgres', 'nowhere'), /database "nowhere" does not exist/],
      [at('postgres', 'postgres', 1), /ECONNREFUSED/],
      ['postgres://postgres@localhost:1/postgres', /ECONNREFUSED/],
      ['postgres://postgres@nowhere.invalid/postgres', /nowhere\.invalid/],
    ];
    for (const [url, why] of reasons)
      await assert.rejects(
        postgres({ url }).open('bank', runtime()),
        (error: unknown) => error instanceof StoreUnusable && why.test(error.message) && !/wrong|right/.test(error.message),
        url,
      );
    const store = await postgres({ url: at('locked:right') }).open('bank', runtime());
    assert.deepEqual(await store.read.all('select 1 as one'), [{ one: 1 }]);
    await store.close();
  });

  test('a store whose password is changed meanwhile is failing, and well once it is right again', async (t) => {
    await cluster.query('create role changing login');
    await cluster.query('create schema changing authorization changing');
    const url = `postgres://changing@127.0.0.1:${cluster.port}/postgres`;
    const store = await postgres({ url, connections: 4, schema: () => 'changing' }).open('bank', hasty());
    t.after(() => store.close());
    assert.deepEqual(await store.read.all('select 1 as one'), [{ one: 1 }]);
    await cluster.query('alter role changing nologin');
    await cluster.query("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'changing'");
    await assert.rejects(
      store.read.all('select 1 as one'),
      (error: unknown) => error instanceof StoreUnusable && /log in/.test(error.message),
    );
    const { state, why } = store.condition();
    assert.equal(state, 'failing');
    assert.match(why ?? '', /not permitted to log in/);
    await cluster.query('alter role changing login');
    assert.deepEqual(await store.read.all('select 1 as one'), [{ one: 1 }]);
    assert.equal(store.condition().state, 'well');
  });
});
