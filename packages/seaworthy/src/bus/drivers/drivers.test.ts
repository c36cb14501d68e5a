import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { after, describe, test } from 'node:test';
import { CloudEvent, HTTP } from 'cloudevents';
import fc from 'fast-check';
import { silent } from '../../core/observe.ts';
import { runtime } from '../../core/runtime.ts';
import { sqlite } from '../../store/drivers/sqlite.ts';
import type { Store } from '../../store/store.ts';
import { seededRandom } from '../../testing/clock.ts';
import { conformance, type Ground, type MemberProcess, type SuiteOptions } from '../conformance.ts';
import { type Envelope, envelope, parseEnvelope } from '../envelope.ts';
import { EnvelopeInvalid } from '../errors.ts';
import { written } from '../options.ts';
import { embedded } from './embedded.ts';
import { append, logMigrations, partitionOf, prune, readLog } from './embedded-log.ts';
import { memory } from './memory.ts';
import { restartable } from './restartable.fixture.ts';

const root = mkdtempSync(join(tmpdir(), 'seaworthy-bus-'));
let folder = 0;

const put = (store: Store, topic: string, events: readonly Envelope[], now: number): Promise<void> =>
  append(store, topic, written(topic, events, { maxBytes: Number.POSITIVE_INFINITY }), now);

/** Writes a row into the log as another program might. */
function insert(dir: string, topic: string, body: string): void {
  const db = new DatabaseSync(join(dir, 'bus.db'));
  db.exec('pragma busy_timeout = 5000');
  db.prepare('insert into bus_log (topic, part, id, body, at) values (?, ?, ?, ?, ?)').run(topic, partitionOf('a'), randomUUID(), body, 0);
  db.close();
}

/** Starts this file as a member in a process of its own. */
async function memberOf(dir: string, topic: string, group: string, handled: (id: string) => void): Promise<MemberProcess> {
  const child = spawn(
    process.execPath,
    ['--conditions=@seaworthy/source', '--disable-warning=ExperimentalWarning', import.meta.filename, 'member', dir, topic, group],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  );
  const subscribed = Promise.withResolvers<void>();
  createInterface({ input: child.stdout }).on('line', (line) => (line === 'subscribed' ? subscribed.resolve() : handled(line)));
  child.once('error', subscribed.reject).once('exit', (code) => subscribed.reject(new Error(`the member ended with ${code}`)));
  await subscribed.promise;
  return {
    async kill() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    },
  };
}

/** A member in a process of its own: it says that it has subscribed, acknowledges events and prints each. It ends with its parent. */
if (process.argv[2] === 'member') {
  const [, , , dir = '', topic = '', group = ''] = process.argv;
  const bus = await embedded({ dir }).open(runtime());
  await bus.subscribe({
    topic,
    group,
    async handle({ id }) {
      process.stdout.write(`${id}\n`);
    },
  });
  process.stdout.write('subscribed\n');
  process.stdin.resume().once('close', () => process.exit());
} else {
  after(() => rmSync(root, { recursive: true, force: true }));
  function runs(name: string, fresh: () => Ground, options: SuiteOptions = {}): void {
    describe(name, () => {
      for (const one of conformance(fresh, options)) {
        test(one.name, one.run);
      }
    });
  }

  runs('embedded', () => {
    const dir = join(root, String(folder++));
    return {
      driver: embedded({ dir }),
      send: (topic, { body }) => insert(dir, topic, String(body)),
      member: (topic, group, handled) => memberOf(dir, topic, group, handled),
      // A member is dead after 3 s, and its partitions are shared out within one more.
      patience: '8s',
    };
  });
  for (const seed of [1, 2]) {
    runs(
      `memory, with duplicates, seed ${seed}`,
      () => {
        const driver = memory({ duplicates: 0.2, maxBytes: 20_000 });
        return { ...restartable(driver), send: driver.send, headers: true, patience: '3s' };
      },
      { runtime: { random: seededRandom(seed) } },
    );
  }
  runs('memory, with queues', () => {
    const driver = memory({ keeps: 'queues', maxBytes: 20_000 });
    return { ...restartable(driver), send: driver.send, headers: true, patience: '3s' };
  });

  test('embedded: a row that is not an event is logged and passed over, and the other rows arrive', async () => {
    const dir = join(root, 'unreadable');
    const logged: string[] = [];
    const bus = await embedded({ dir }).open(runtime({ observe: { ...silent, log: (_level, message) => void logged.push(message) } }));
    const one = (n: number) => envelope({ id: `k/${n}`, service: 'orders', event: 'placed', key: 'k', now: 0, data: {} });
    await bus.publish('orders', [one(0), one(1)]);
    const db = new DatabaseSync(join(dir, 'bus.db'));
    db.prepare("update bus_log set body = 'none' where id = 'k/0'").run();
    db.close();
    const got = Promise.withResolvers<string>();
    await bus.subscribe({ topic: 'orders', group: 'g', handle: async ({ id }) => got.resolve(id) });
    assert.equal(await got.promise, 'k/1');
    assert.match(logged.join(), /row 1 of bus_log is not an event and is passed over/);
    await bus.close();
  });

  test('embedded: events that every group has passed are deleted after the retention; those that a group has still to get are kept', async () => {
    const dir = join(root, 'pruned');
    const store = await sqlite({ dir }).open('bus', runtime());
    await store.migrate(logMigrations);
    const many = Array.from({ length: 2500 }, (_, n) =>
      envelope({ id: `k/${n}`, service: 'orders', event: 'placed', key: 'k', now: 0, data: {} }),
    );
    await put(store, 'orders', many.slice(0, 2400), 0);
    await put(store, 'orders', many.slice(2400), 1);
    await store.transaction((tx) =>
      tx.run("insert into bus_progress (topic, name, part, position, owner) values ('orders', 'g', 0, 2400, '')"),
    );
    assert.equal(await prune(store, 1), 2400);
    const left = await readLog(store, 'orders', 0, { rows: 3000, bytes: 2 ** 30 });
    assert.deepEqual([left.rows.length, left.more], [100, false]);
    assert.equal(await prune(store, 0), 0);
    await store.close();
  });

  test('an envelope is written and read as a CloudEvent by the cloudevents package', () => {
    const text = fc.string({ minLength: 1, maxLength: 20 }).filter((value) => value.trim() !== '');
    fc.assert(
      fc.property(text, text, fc.jsonValue(), (id, key, data) => {
        const made = envelope({ id, service: 'orders', event: 'placed', key, now: 1_700_000_000_000, data, notAfterMs: 1000 });
        assert.deepEqual(parseEnvelope(JSON.stringify(made)), JSON.parse(JSON.stringify(made)));
        const theirs = new CloudEvent(JSON.parse(JSON.stringify(made)));
        assert.equal(theirs.validate(), true);
        if (data !== null && data !== undefined) {
          const message = HTTP.structured(theirs);
          assert.deepEqual(parseEnvelope(message.body as string), JSON.parse(JSON.stringify(made)));
        }
      }),
    );
  });

  test('a value that is not a CloudEvent is refused with each wrong attribute and its rule', () => {
    assert.throws(() => parseEnvelope('{'), EnvelopeInvalid);
    assert.throws(() => parseEnvelope('[]'), /must be a JSON object/);
    assert.throws(
      () => parseEnvelope('{"specversion": "0.3", "time": "today"}'),
      /specversion must be "1.0".*id must be.*time must be a time/,
    );
  });
}
