import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
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
import { seededRandom } from '../../testing/clock.ts';
import { conformance } from '../conformance.ts';
import { EnvelopeInvalid, envelope, parseEnvelope } from '../envelope.ts';
import { embedded } from './embedded.ts';
import { append, logMigrations, prune, readLog } from './embedded-log.ts';
import { memory } from './memory.ts';

const root = mkdtempSync(join(tmpdir(), 'seaworthy-bus-'));
let folder = 0;

/** A member in a process of its own: takes events, prints each, and can be killed. */
if (process.argv[2] === 'member') {
  const bus = await embedded({ dir: process.argv[3] as string }).open(runtime());
  await bus.subscribe({
    topic: 'orders',
    group: 'g',
    async handle({ id }) {
      process.stdout.write(`${id}\n`);
    },
  });
  setInterval(() => {}, 1000);
} else {
  after(() => rmSync(root, { recursive: true, force: true }));
  describe('embedded', () => {
    for (const { name, run } of conformance(() => embedded({ dir: join(root, String(folder++)) }))) test(name, run);
  });
  for (const seed of [1, 2]) {
    describe(`memory with duplicates, seed ${seed}`, () => {
      for (const { name, run } of conformance(() => memory({ duplicates: 0.2 }), { random: seededRandom(seed) })) test(name, run);
    });
  }

  test('embedded: two processes share a group; when one is killed the other gets the rest, in order', async () => {
    const dir = join(root, 'killed');
    const bus = await embedded({ dir }).open(runtime());
    const ids: string[] = [];
    const members = [0, 1].map(() => {
      const child = spawn(
        process.execPath,
        ['--conditions=@seaworthy/source', '--disable-warning=ExperimentalWarning', import.meta.filename, 'member', dir],
        { stdio: ['ignore', 'pipe', 'inherit'] },
      );
      createInterface({ input: child.stdout }).on('line', (id) => ids.push(id));
      return child;
    });
    const until = async (holds: () => boolean): Promise<void> => {
      while (!holds()) await new Promise((resolve) => setTimeout(resolve, 20));
    };
    const publish = (from: number, to: number): Promise<void> =>
      bus.publish(
        'orders',
        Array.from({ length: (to - from) * 8 }, (_, index) => {
          const [key, n] = [`k${index % 8}`, from + Math.floor(index / 8)];
          return envelope({ id: `${key}/${n}`, service: 'orders', event: 'placed', key, now: 0, data: {} });
        }),
      );
    await publish(0, 20);
    await until(() => ids.length > 40);
    members[0]?.kill('SIGKILL');
    await publish(20, 40);
    await until(() => new Set(ids).size === 320);
    members[1]?.kill('SIGKILL');
    for (let key = 0; key < 8; key++) {
      const first = [...new Set(ids.filter((id) => id.startsWith(`k${key}/`)))].map((id) => Number(id.split('/')[1]));
      assert.deepEqual(
        first,
        [...first].sort((a, b) => a - b),
        `k${key}`,
      );
    }
    await bus.close();
  });

  test('embedded: a row that is no event is passed over and told, whatever else is in the log arrives', async () => {
    const dir = join(root, 'unreadable');
    const told: string[] = [];
    const bus = await embedded({ dir }).open(runtime({ observe: { ...silent, log: (_level, message) => void told.push(message) } }));
    const one = (n: number) => envelope({ id: `k/${n}`, service: 'orders', event: 'placed', key: 'k', now: 0, data: {} });
    await bus.publish('orders', [one(0), one(1)]);
    const db = new DatabaseSync(join(dir, 'bus.db'));
    db.prepare("update bus_log set body = 'none' where id = 'k/0'").run();
    db.close();
    const got = Promise.withResolvers<string>();
    await bus.subscribe({ topic: 'orders', group: 'g', handle: async ({ id }) => got.resolve(id) });
    assert.equal(await got.promise, 'k/1');
    assert.match(told.join(), /row 1 of bus_log is no event/);
    await bus.close();
  });

  test('embedded: what every group has had is forgotten after its time, all of it; what one has still to get is kept', async () => {
    const dir = join(root, 'pruned');
    const store = await sqlite({ dir }).open('bus', runtime());
    await store.migrate(logMigrations);
    const many = Array.from({ length: 2500 }, (_, n) =>
      envelope({ id: `k/${n}`, service: 'orders', event: 'placed', key: 'k', now: 0, data: {} }),
    );
    await append(store, 'orders', many.slice(0, 2400), 0);
    await append(store, 'orders', many.slice(2400), 1);
    await store.transaction((tx) =>
      tx.run("insert into bus_progress (topic, name, part, position, owner) values ('orders', 'g', 0, 2400, '')"),
    );
    assert.equal(await prune(store, 1), 2400);
    const left = await readLog(store, 'orders', 0, { rows: 3000, bytes: 2 ** 30 });
    assert.deepEqual([left.rows.length, left.more], [100, false]);
    assert.equal(await prune(store, 0), 0);
    await store.close();
  });

  test('the envelope is a CloudEvent to others, there and back', () => {
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

  test('what is no CloudEvent is refused with each attribute and its rule', () => {
    assert.throws(() => parseEnvelope('{'), EnvelopeInvalid);
    assert.throws(() => parseEnvelope('[]'), /must be a JSON object/);
    assert.throws(
      () => parseEnvelope('{"specversion": "0.3", "time": "today"}'),
      /specversion must be "1.0".*id must be.*time must be a time/,
    );
  });
}
