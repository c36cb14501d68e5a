import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Failure } from '../client/call.ts';
import type { Store } from '../store/store.ts';
import { seededRandom, virtualClock } from '../testing/clock.ts';
import { stores, trip, type World, world } from './conformance/world.ts';
import { judge, stuckSagas } from './verdict.ts';

const root = mkdtempSync(join(tmpdir(), 'seaworthy-saga-'));
after(() => rmSync(root, { recursive: true, force: true }));
const drivers = stores(root);
const named = (title: string, body: (sea: World) => Promise<void>): void => {
  for (const [store, driver] of drivers)
    test(`${title} (${store})`, async () => body(await world(driver(), virtualClock(), seededRandom(1))));
};

named('G6: a declared error is no attempt to undo: only what was before it is undone, in reverse', async (sea) => {
  sea.callee.answers = {
    pay: () => {
      throw new Failure('Broke', undefined);
    },
  };
  const { engine } = await sea.process([trip]);
  await sea.start(engine);
  await sea.until('undone');
  assert.deepEqual(sea.callee.log, ['book t', 'pay t', 'unbook t/7']);
  assert.equal(await sea.note(), 'declared/Broke');
});

named('G6: an unknown outcome is tried again under the same key, then undone too, with its result unseen', async (sea) => {
  sea.callee.answers = {
    book: () => {
      throw new Error('connection lost');
    },
  };
  const { engine } = await sea.process([trip]);
  await sea.start(engine);
  const { id } = await sea.until('undone');
  assert.deepEqual(sea.callee.log, ['book t', 'book t', 'book t', 'unbook t/unseen']);
  assert.deepEqual(
    sea.callee.options.map(({ key, undoes }) => [key, undoes]),
    [...Array(3).fill([`${id}.book#1`, undefined]), [`${id}.book.undo#1`, `${id}.book`]],
  );
  assert.equal(await sea.note(), 'failed/book');
});

named('G6: an undo that cannot succeed leaves it stuck; a verdict sets it going again', async (sea) => {
  let mended = false;
  sea.callee.answers = {
    pay: () => {
      throw new Failure('Broke', undefined);
    },
    unbook: () => {
      if (!mended) throw new Error('no');
    },
  };
  const { engine } = await sea.process([trip]);
  await sea.start(engine);
  const { id } = await sea.until('stuck');
  const [stuck] = await stuckSagas(sea.store.read);
  assert.equal(stuck?.error, 'no');
  assert.equal(sea.callee.log.filter((line) => line.startsWith('unbook')).length, 10);
  mended = true;
  await judge(sea.store as Store<unknown, unknown>, sea.runtime, id, { kind: 'retry' });
  await sea.until('undone');
});

for (const [verdict, last] of [
  [{ kind: 'skip' }, 'unbook t/7'],
  [{ kind: 'result', result: { seat: 9 } }, 'unbook t/9'],
] as const) {
  named(`G6: the verdict ${verdict.kind}`, async (sea) => {
    sea.callee.answers = {
      pay: () => {
        throw new Failure('Broke', undefined);
      },
      unbook: () => {
        if (sea.callee.log.at(-1) !== 'unbook t/9') throw new Error('no');
      },
    };
    const { engine } = await sea.process([trip]);
    await sea.start(engine);
    const { id } = await sea.until('stuck');
    await judge(sea.store as Store<unknown, unknown>, sea.runtime, id, verdict);
    await sea.until('undone');
    assert.equal(sea.callee.log.at(-1), last);
    assert.equal(await sea.note(), 'declared/Broke');
  });
}
