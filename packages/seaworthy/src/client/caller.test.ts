import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { command, contract } from '../contract/contract.ts';
import { Deadline } from '../core/deadline.ts';
import { DurationInvalid } from '../core/duration.ts';
import { runtime } from '../core/runtime.ts';
import { breaker } from '../resilience/breaker.ts';
import { BreakerOpen } from '../resilience/errors.ts';
import { policyOn } from '../resilience/policy.ts';
import { retry } from '../resilience/retry.ts';
import { virtualClock } from '../testing/clock.ts';
import { caller } from './caller.ts';
import { AnswerInvalid, CallFailed, Unreachable } from './errors.ts';

const desk = contract('desk', {
  ask: command({ http: 'POST /ask', input: z.object({}) }),
  count: command({
    http: 'POST /count',
    input: z.object({}),
    output: z.object({ n: z.int() }),
    errors: { Full: { status: 409, data: z.object({ room: z.int() }) } },
  }),
});

test('an output, or the data of a declared error, that breaks the contract is AnswerInvalid', async () => {
  const answering = (answer: unknown) =>
    caller({ runtime: runtime(), transportOf: () => ({ send: async () => answer as never, close: async () => {} }) });
  for (const answer of [
    { kind: 'output', output: { n: 'seven' } },
    { kind: 'output', output: undefined },
    { kind: 'declared', name: 'Full', data: { room: 0.5 } },
  ])
    await assert.rejects(answering(answer)(desk.count, {}), (error) => error instanceof AnswerInvalid && /desk\.count/.test(error.message));
  assert.deepEqual(await answering({ kind: 'output', output: { n: 7 } })(desk.count, {}), { n: 7 });
});

test('a breaker that opens between two attempts does not hide the error of the first', async () => {
  const clock = virtualClock();
  const machine = runtime({ clock });
  const guard = policyOn(machine, breaker({ failures: 1, openFor: '30s' }));
  let sent = 0;
  const call = caller({
    runtime: machine,
    policyOf: () => policyOn(machine, retry({ attempts: 3 })),
    guardOf: () => guard,
    transportOf: () => ({
      async send() {
        sent++;
        throw new Unreachable('the outcome is unknown');
      },
      close: async () => {},
    }),
  });
  const outcome = (): Promise<unknown> => clock.run(call(desk.ask, {}).catch((error: unknown) => error));
  assert.ok((await outcome()) instanceof Unreachable, 'the first attempt was sent, so its outcome is unknown');
  assert.ok((await outcome()) instanceof BreakerOpen, 'nothing was sent');
  assert.equal(sent, 1);
});

test('a service whose database comes back after a long time is called again within two seconds', async () => {
  const clock = virtualClock();
  let back = false;
  const problem = { type: 'about:blank', title: 'Service Unavailable', status: 503, code: 'SW_STORE_UNUSABLE' };
  const call = caller({
    runtime: runtime({ clock }),
    transportOf: () => ({
      send: async () => (back ? { kind: 'output', output: undefined } : { kind: 'problem', problem }),
      close: async () => {},
    }),
  });
  const ask = (): Promise<unknown> => call(desk.ask, {}).catch((error: unknown) => error);
  for (let asked = 0; asked < 120; asked++) {
    assert.ok((await clock.run(ask())) instanceof Error);
    await clock.advance(1000);
  }
  back = true;
  await clock.advance(2000);
  assert.equal(await clock.run(ask()), undefined);
});

test('G9: all attempts of one call carry the same key, generated or given; another call has another key', async () => {
  const sent: (string | undefined)[] = [];
  const clock = virtualClock();
  const rt = runtime({ clock });
  const call = caller({
    runtime: rt,
    transportOf: () => ({
      async send({ key }) {
        sent.push(key);
        throw new Unreachable('no connection');
      },
      close: async () => {},
    }),
    policyOf: () => policyOn(rt, retry({ attempts: 3 })),
    guardOf: () => policyOn(rt),
  });
  for (const key of [undefined, undefined, 'given']) await clock.run(call(desk.ask, {}, { key })).catch(() => {});
  assert.deepEqual([...new Set(sent)].length, 3);
  assert.deepEqual(
    sent,
    [0, 3, 6].flatMap((first) => Array(3).fill(sent[first])),
  );
  assert.equal(sent[6], 'given');
  assert.ok(sent[0]);
});

test('every attempt sends the input of the moment of the call', async () => {
  const clock = virtualClock();
  const machine = runtime({ clock });
  const book = contract('book', { add: command({ http: 'POST /add', input: z.object({ lines: z.array(z.string()) }) }) });
  const sent: string[] = [];
  const call = caller({
    runtime: machine,
    policyOf: () => policyOn(machine, retry({ attempts: 2 })),
    transportOf: () => ({
      async send({ input }) {
        sent.push(JSON.stringify(input));
        if (sent.length === 1) throw new Unreachable('the outcome is unknown');
        return { kind: 'output', output: undefined };
      },
      close: async () => {},
    }),
  });
  const input = { lines: ['first'] };
  const answer = call(book.add, input);
  input.lines.push('second');
  await clock.run(answer);
  assert.deepEqual(sent, ['{"lines":["first"]}', '{"lines":["first"]}']);
});

for (const [status, code] of [
  [404, 'SW_HTTP_ROUTE_UNKNOWN'],
  [404, 'SW_OPERATION_UNKNOWN'],
  [404, undefined],
  [405, undefined],
  [501, undefined],
] as const)
  test(`a service that does not know an operation (${status} ${code}) fails by the name of the operation, and its breaker stays closed`, async () => {
    const clock = virtualClock();
    const shop = contract('shop', {
      buy: command({ http: 'POST /buy', input: z.object({}) }),
      old: command({ http: 'POST /old', input: z.object({}) }),
    });
    const call = caller({
      runtime: runtime({ clock }),
      transportOf: () => ({
        send: async ({ operation }) =>
          operation.name === 'old'
            ? { kind: 'output', output: undefined }
            : { kind: 'problem', problem: { type: 'about:blank', title: 'x', status, ...(code && { code }) } },
        close: async () => {},
      }),
    });
    for (let time = 0; time < 30; time++)
      await assert.rejects(clock.run(call(shop.buy, {})), (error: unknown) => {
        assert.ok(error instanceof CallFailed);
        assert.deepEqual([error.kind, error.unknown], ['upstream', true]);
        assert.match(error.message, /does not know the operation/);
        return true;
      });
    await clock.run(call(shop.old, {}));
  });

test('a 404 with another code stays not_found', () => {
  const { kind, unknown } = new CallFailed('shop.buy', { type: 'about:blank', title: 'x', status: 404, code: 'SW_SAGA_UNKNOWN' });
  assert.deepEqual([kind, unknown], ['not_found', false]);
});

test('a call has the deadline of its options, a moment or a time from now, and else that of the caller', async () => {
  const machine = runtime({ clock: virtualClock() });
  const seen: (readonly [left: number | undefined, usual: number | undefined])[] = [];
  const call = caller({
    runtime: machine,
    timeout: '4s',
    transportOf: () => ({
      async send({ deadline }) {
        seen.push([deadline?.remaining(), deadline?.usualMs]);
        return { kind: 'output', output: undefined };
      },
      close: async () => {},
    }),
  });
  for (const deadline of [Deadline.after(machine.clock, '2s'), '3s', undefined] as const) await call(desk.ask, {}, { deadline });
  assert.deepEqual(seen, [
    [2000, 4000],
    [3000, 4000],
    [4000, 4000],
  ]);
  for (const wrong of ['soon', 2000, new Date(0)])
    await assert.rejects(
      call(desk.ask, {}, { deadline: wrong as never }),
      (error: unknown) => error instanceof DurationInvalid && /^deadline /.test(error.message),
    );
  assert.equal(seen.length, 3);
});
