import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Lifetime } from '../core/lifetime.ts';
import { silent } from '../core/observe.ts';
import { runtime } from '../core/runtime.ts';
import { memory } from './drivers/memory.ts';
import { lentRead } from './lent.ts';

test('a read of a run ends with the signal of the run, and with a signal of its own', async () => {
  const store = await memory().open('bank', runtime());
  const reading = new AbortController();
  const read = lentRead(store, new Lifetime('the run', silent), reading.signal);
  const mine = new AbortController();
  assert.deepEqual(await read.withSignal(mine.signal).all('select 1 as n'), [{ n: 1 }]);
  mine.abort(new Error('mine'));
  await assert.rejects(read.withSignal(mine.signal).all('select 1 as n'), /mine/);
  assert.deepEqual(await read.all('select 1 as n'), [{ n: 1 }]);
  reading.abort(new Error('the deadline'));
  await assert.rejects(read.all('select 1 as n'), /the deadline/);
  await assert.rejects(read.withSignal(new AbortController().signal).all('select 1 as n'), /the deadline/);
  await store.close();
});
