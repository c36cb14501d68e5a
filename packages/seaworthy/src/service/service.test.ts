import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { Failure } from '../client/call.ts';
import { caller } from '../client/caller.ts';
import { CallFailed, Unreachable } from '../client/errors.ts';
import { http } from '../client/transports/http.ts';
import { contract, query } from '../contract/contract.ts';
import { Deadline, DeadlineExceeded } from '../core/deadline.ts';
import { type Duration, milliseconds } from '../core/duration.ts';
import { runtime } from '../core/runtime.ts';
import { sleep } from '../core/sleep.ts';
import { policyOn } from '../resilience/policy.ts';
import { desk, eachWay, failsWith, until } from './desk.fixture.ts';
import { service } from './service.ts';

eachWay('a call', (world) => {
  test('a query sees what a command wrote; the service applies defaults', async () => {
    await world.call(desk.write, { id: 'a/ä %' });
    assert.deepEqual(await world.call(desk.note, { id: 'a/ä %' }), { text: 'empty' });
    assert.equal(await world.call(desk.erase, { id: 'a/ä %' }), undefined);
  });

  test('a declared error rolls its handler back; the caller gets it thrown, or as a value', async () => {
    await assert.rejects(
      world.call(desk.write, { id: 'd', text: 'refuse' }),
      (error: unknown) => error instanceof Failure && (error.data as { why: string }).why === 'asked for',
    );
    const outcome = await world.call(desk.write, { id: 'd', text: 'refuse' }).outcome();
    assert.deepEqual(outcome.ok ? outcome : [outcome.error.name, outcome.error.data], ['Refused', { why: 'asked for' }]);
    await assert.rejects(world.call(desk.note, { id: 'd' }), (error: unknown) => error instanceof Failure && error.name === 'NotFound');
  });

  test('G14: invalid input is refused with each field and its rule', async () => {
    const refused = (place: string) => (error: unknown) => {
      assert.ok(failsWith('SW_INPUT_INVALID', 400)(error));
      assert.ok((error as CallFailed).problem.issues?.some(({ path }) => path === place));
      return true;
    };
    await assert.rejects(world.call(desk.search, { limit: 11 }), refused('limit'));
    await assert.rejects(world.call(desk.search, { limit: 1, text: 5 as unknown as string }), refused('text'));
  });

  for (const id of ['', '.', '..', '\ud800']) {
    test(`G14: ${JSON.stringify(id)} cannot stand in a path and is refused`, async () => {
      await assert.rejects(world.call(desk.note, { id }), (error: unknown) => {
        assert.ok(failsWith('SW_INPUT_INVALID', 400)(error));
        assert.deepEqual(
          (error as CallFailed).problem.issues?.map(({ path }) => path),
          ['id'],
        );
        return true;
      });
    });
  }

  test('G14: the caller itself refuses input that is not JSON, and a key that no header can carry', async () => {
    const circle: Record<string, unknown> = {};
    circle['self'] = circle;
    await assert.rejects(world.call(desk.write, { id: 'a', text: 1n as unknown as string }), failsWith('SW_INPUT_INVALID', 400));
    await assert.rejects(world.call(desk.write, { id: 'a', text: circle as unknown as string }), failsWith('SW_INPUT_INVALID', 400));
    for (const text of ['\ud800', 'a\\\udc00', '\\\\\udfff', 'a\0b']) {
      await assert.rejects(world.call(desk.write, { id: 'a', text }), failsWith('SW_INPUT_INVALID', 400), JSON.stringify(text));
    }
    await world.call(desk.write, { id: 'a', text: '😀 \\ud800 \\\\udc00' });
    await assert.rejects(world.call(desk.write, { id: 'a' }, { key: 'a key' }), /idempotency-key: takes 1 to 255 visible ASCII/);
  });

  test('an empty list in a query string arrives as an empty list', async () => {
    assert.deepEqual(await world.call(desk.pick, { from: [] }), { from: [] });
  });

  test('query strings carry numbers, booleans and lists', async () => {
    const input = { text: 'a&b=c', limit: 7, tags: ['x', 'y z'], exact: true };
    assert.deepEqual(await world.call(desk.search, input), { asked: input });
  });

  test('a failure that the contract does not declare is SW_OUTPUT_INVALID, even under a name that every object has', async () => {
    for (const name of ['constructor', 'toString', '__proto__'])
      await assert.rejects(world.call(desk.fall, { name }), failsWith('SW_OUTPUT_INVALID', 500), name);
  });

  test('an output that does not match its schema is SW_OUTPUT_INVALID', async () => {
    await assert.rejects(world.call(desk.lie, {}), failsWith('SW_OUTPUT_INVALID', 500));
  });

  test('G9: a repeat under the same key gets the recorded answer and does not run the handler', async () => {
    const runs = world.stage.runs;
    const first = await world.call(desk.write, { id: 'k', text: 'x' }, { key: 'k1' });
    assert.deepEqual(await world.call(desk.write, { text: 'x', id: 'k' }, { key: 'k1' }), first);
    assert.equal(first.runs, world.stage.runs);
    assert.ok(world.stage.runs > runs);
    await assert.rejects(world.call(desk.write, { id: 'k', text: 'y' }, { key: 'k1' }), failsWith('SW_IDEMPOTENCY_KEY_REUSED', 422));
    await world.call(desk.write, { id: 'k2', text: 'x' }, { key: 'k2' });
  });

  test('G9: a declared error is recorded; any other error is not', async () => {
    await assert.rejects(world.call(desk.write, { id: 'r', text: 'refuse' }, { key: 'r1' }), /Refused/);
    const runs = world.stage.runs;
    await assert.rejects(world.call(desk.write, { id: 'r', text: 'refuse' }, { key: 'r1' }), /Refused/);
    assert.equal(world.stage.runs, runs);
    world.stage.write = () => {
      throw new Error('a bug');
    };
    await assert.rejects(world.call(desk.write, { id: 'b' }, { key: 'b1' }), failsWith('SW_HANDLER_FAILED', 500));
    // An invalid value inside the handler is not the caller's mistake.
    world.stage.write = () => void milliseconds('soon' as Duration);
    await assert.rejects(world.call(desk.write, { id: 'b' }, { key: 'b1' }), failsWith('SW_HANDLER_FAILED', 500));
    world.stage.write = () => {};
    await world.call(desk.write, { id: 'b' }, { key: 'b1' });
  });

  test('G9: a repeat gets 409 while the first call is in progress', async () => {
    let go = (): void => {};
    const gate = new Promise<string>((resolve) => (go = () => resolve('yes')));
    world.stage.reach = () => gate;
    const first = world.call(desk.reach, { id: 'p' }, { key: 'p1' });
    first.catch(() => {});
    let second: unknown;
    for (let tries = 0; tries < 100 && !(second instanceof CallFailed && second.problem.status === 409); tries++) {
      second = await Promise.race([world.call(desk.reach, { id: 'p' }, { key: 'p1' }).catch((error: unknown) => error), first]);
    }
    assert.ok(failsWith('SW_IDEMPOTENCY_IN_PROGRESS', 409)(second));
    go();
    assert.deepEqual(await first, { outcome: 'yes' });
  });

  test('G6: a step that arrives after its undo is refused', async () => {
    await world.call(desk.erase, { id: 't' }, { key: 's1.write.undo#1', undoes: 's1.write' });
    await assert.rejects(world.call(desk.write, { id: 't' }, { key: 's1.write#1' }), failsWith('SW_STEP_UNDONE', 422));
    await assert.rejects(world.call(desk.reach, { id: 't' }, { key: 's1.write#2' }), failsWith('SW_STEP_UNDONE', 422));
  });

  test('G10: a service does not begin a call whose deadline has passed', async () => {
    const past = new Deadline(world.rt.clock, world.rt.clock.monotonic() - 1);
    const runs = world.stage.runs;
    const late = {
      operation: desk.write as never,
      input: { id: 'x' },
      key: 'late1',
      deadline: past,
      undoes: undefined,
      attempt: 1,
      signal: new AbortController().signal,
    };
    const answer = await world.transport.send(late);
    assert.deepEqual(answer.kind === 'problem' && [answer.problem.code, answer.problem.status], ['SW_DEADLINE_EXCEEDED', 504]);
    assert.equal(world.stage.runs, runs);
  });

  test('the signal of a handler aborts when its caller leaves', async () => {
    const leaving = new AbortController();
    world.stage.hung = undefined;
    const left = world.call(desk.hang, {}, { signal: leaving.signal });
    left.catch(() => {});
    await until('the handler hangs', () => world.stage.hung !== undefined);
    leaving.abort(new Error('gone'));
    await assert.rejects(left, /gone/);
    await until('the signal of the handler aborts', () => world.stage.hung?.aborted === true);
  });

  test('G10: a deadline of many days does not expire at once', async () => {
    const deadline = Deadline.after(world.rt.clock, '60d');
    world.stage.write = () => sleep(world.rt.clock, 20);
    assert.equal((await world.call(desk.write, { id: 'patient' }, { deadline })).id, 'patient');
    world.stage.write = () => {};
  });

  test('G10: a caller does not send an expired call; a deadline aborts the signal of the handler', async () => {
    const runs = world.stage.runs;
    const past = new Deadline(world.rt.clock, world.rt.clock.monotonic() - 1);
    await assert.rejects(world.call(desk.write, { id: 'x' }, { deadline: past }), DeadlineExceeded);
    assert.equal(world.stage.runs, runs);
    world.stage.hung = undefined;
    await assert.rejects(
      world.call(desk.hang, {}, { deadline: Deadline.after(world.rt.clock, '50ms') }),
      (error: unknown) => (error as { kind?: string }).kind === 'deadline',
    );
    await until('the signal of the handler aborts', () => world.stage.hung?.aborted === true);
  });
});

test('a call of a service that does not listen throws Unreachable', async () => {
  const transport = http('http://127.0.0.1:1');
  const call = caller({ runtime: runtime(), transportOf: () => transport, policyOf: () => policyOn(runtime()) });
  await assert.rejects(
    call(desk.note, { id: 'a' }),
    (error: unknown) => error instanceof Unreachable && /got no answer/.test(error.message),
  );
  await transport.close();
});

test('a service with a missing handler, or one too many, is refused by name', () => {
  const small = contract('small', { one: query({ http: 'GET /one', input: z.object({}), output: z.object({}) }) });
  assert.throws(() => service(small, { handlers: {} as never }), /no handler for one/);
  assert.throws(() => service(small, { handlers: { one: () => ({}), two: () => ({}) } as never }), /handles two/);
});
