import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memory as memoryBus } from '../../bus/drivers/memory.ts';
import { Failure } from '../../client/call.ts';
import { runtime } from '../../core/runtime.ts';
import { sqlite } from '../../store/drivers/sqlite.ts';
import { backstage, callsNobody, desk, deskService, eachWay, failsWith, newFolder, until } from '../desk.fixture.ts';
import { type RunningService, run } from '../lifecycle.ts';

eachWay('a call of an external command', (world) => {
  test('an external command answers with its outcome; a repeat gets the recorded answer and does not run `do`', async () => {
    const keys: string[] = [];
    world.stage.reach = (key) => {
      keys.push(key);
      return 'fine';
    };
    assert.deepEqual(await world.call(desk.reach, { id: 'e' }, { key: 'e1' }), { outcome: 'fine' });
    assert.deepEqual(await world.call(desk.reach, { id: 'e' }, { key: 'e1' }), { outcome: 'fine' });
    assert.deepEqual(keys, ['e1']);
    assert.deepEqual(await world.call(desk.note, { id: 'e' }), { text: 'fine' });
  });

  test('a run of `do` without an outcome keeps the intent; a repeat runs `do` under the same key', async () => {
    const keys: string[] = [];
    world.stage.reach = (key) => {
      keys.push(key);
      if (keys.length === 1) throw new Error('nobody knows');
      return 'second';
    };
    await assert.rejects(world.call(desk.reach, { id: 'o' }, { key: 'o1' }), failsWith('SW_OUTCOME_PENDING', 503));
    assert.deepEqual(await world.call(desk.reach, { id: 'o' }, { key: 'o1' }), { outcome: 'second' });
    assert.deepEqual(keys, ['o1', 'o1']);
  });

  test('an external command continues when its caller leaves', async () => {
    let go = (): void => {};
    world.stage.reach = () => new Promise((resolve) => (go = () => resolve('late')));
    const leaving = new AbortController();
    const left = world.call(desk.reach, { id: 'l' }, { key: 'l1', signal: leaving.signal });
    left.catch(() => {});
    const begun = go;
    await until('`do` runs', () => go !== begun);
    leaving.abort(new Error('gone'));
    await assert.rejects(left, /gone/);
    go();
    let answer: unknown;
    while (!answer) {
      answer = await world.call(desk.reach, { id: 'l' }, { key: 'l1' }).catch(() => undefined);
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.deepEqual(answer, { outcome: 'late' });
  });

  test('G6: an undo waits for the outcome of its step and then undoes it; the step is refused from then on', async () => {
    let go = (): void => {};
    world.stage.reach = () => new Promise((resolve) => (go = () => resolve('in time')));
    const begun = go;
    const first = world.call(desk.reach, { id: 'u' }, { key: 's2.reach#1' });
    first.catch(() => {});
    await until('`do` runs', () => go !== begun);
    const undo = (): Promise<unknown> => world.call(desk.erase, { id: 'u' }, { key: 's2.reach.undo#1', undoes: 's2.reach' });
    await assert.rejects(undo(), failsWith('SW_STEP_IN_PROGRESS', 409));
    await assert.rejects(world.call(desk.write, { id: 'u' }, { key: 's2.reach#2' }), failsWith('SW_STEP_UNDONE', 422));
    go();
    assert.deepEqual(await first, { outcome: 'in time' });
    assert.deepEqual(await world.call(desk.note, { id: 'u' }), { text: 'in time' });
    await undo();
    await assert.rejects(world.call(desk.note, { id: 'u' }), /NotFound/);
  });

  test('G6: a query that undoes a step waits for the outcome as well, and leaves a tombstone', async () => {
    let go = (): void => {};
    world.stage.reach = () => new Promise((resolve) => (go = () => resolve('seen')));
    const begun = go;
    const first = world.call(desk.reach, { id: 'q' }, { key: 's3.reach#1' });
    first.catch(() => {});
    await until('`do` runs', () => go !== begun);
    const ask = (id = 'q', step = 's3.reach'): Promise<unknown> => world.call(desk.note, { id }, { undoes: step });
    await assert.rejects(ask(), failsWith('SW_STEP_IN_PROGRESS', 409));
    go();
    await first;
    assert.deepEqual(await ask(), { text: 'seen' });
    await assert.rejects(ask('nothing', 's4.write'), /NotFound/);
    await assert.rejects(world.call(desk.write, { id: 'nothing' }, { key: 's4.write#1' }), failsWith('SW_STEP_UNDONE', 422));
  });

  test('a declared error that `after` throws is recorded', async () => {
    world.stage.reach = () => 'no';
    await assert.rejects(
      world.call(desk.reach, { id: 'n' }, { key: 'n1' }),
      (error: unknown) => error instanceof Failure && error.name === 'No',
    );
    world.stage.reach = () => assert.fail('`do` does not run again');
    await assert.rejects(
      world.call(desk.reach, { id: 'n' }, { key: 'n1' }),
      (error: unknown) => error instanceof Failure && error.name === 'No',
    );
  });
});

test('the next process drives an intent that a dead process left', async () => {
  const dir = newFolder();
  const rt = runtime();
  const stage = backstage();
  const bus = await memoryBus().open(rt);
  const open = (): Promise<RunningService> => run(deskService(stage), { runtime: rt, store: sqlite({ dir }), bus, call: callsNobody });
  const attempt = {
    operation: desk.reach as never,
    input: { id: 'left' },
    key: 'left1',
    deadline: undefined,
    undoes: undefined,
    attempt: 1,
    signal: new AbortController().signal,
  };
  const first = await open();
  let reached = false;
  stage.reach = () => {
    reached = true;
    return new Promise(() => {});
  };
  first.admit();
  const lost = first.endpoint.handle(attempt);
  lost.catch(() => {});
  await until('`do` runs', () => reached);
  await first.close(AbortSignal.abort(new Error('the process dies')));

  const keys: string[] = [];
  stage.reach = (key) => {
    keys.push(key);
    return 'found';
  };
  const second = await open();
  await second.begin();
  await until('the second process runs `do`', () => keys.length > 0);
  let answer = await second.endpoint.handle(attempt);
  while (answer.kind === 'problem' && answer.problem.status === 409) {
    await new Promise((resolve) => setImmediate(resolve));
    answer = await second.endpoint.handle(attempt);
  }
  assert.deepEqual(answer, { kind: 'output', output: { outcome: 'found' } });
  assert.deepEqual(keys, ['left1']);
  await second.quiesce(AbortSignal.abort());
  await second.close(AbortSignal.abort(new Error('the test is over')));
  await bus.close();
});
