import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { runtime } from '../../core/runtime.ts';
import { administer, postgresMissing, postgresUrl } from './postgres.fixture.ts';
import { postgres } from './postgres.ts';

describe('postgres: notices', { skip: postgresMissing ?? false }, () => {
  test('a process that ends is heard to its last notice', { timeout: 30_000 }, async () => {
    const name = `sw_test_${process.pid}_notices`;
    const opened = () => postgres({ url: postgresUrl, connections: 4, schema: () => name }).open('orders', runtime());
    const listening = await opened();
    await listening.migrate([]);
    const heard = new Set<string>();
    const topics = ['saga', 'outbox', 'worker'];
    const all = new Promise<void>((resolve) => {
      for (const topic of topics)
        listening.listen(topic, () => {
          heard.add(topic);
          if (heard.size === topics.length) resolve();
        });
    });
    while (!listening.hears()) await new Promise((resolve) => setTimeout(resolve, 10));
    // It wakes every listener once it hears.
    heard.clear();
    const other = await opened();
    for (const topic of topics) {
      other.notify(topic);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await other.close();
    await all;
    await listening.close();
    await administer(`drop schema if exists ${name} cascade`);
    assert.deepEqual([...heard].sort(), [...topics].sort());
  });
});
