import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { command, contract } from '../contract/contract.ts';
import { runtime } from '../core/runtime.ts';
import { breaker } from '../resilience/breaker.ts';
import { BreakerOpen } from '../resilience/errors.ts';
import { policyOn } from '../resilience/policy.ts';
import { retry } from '../resilience/retry.ts';
import { virtualClock } from '../testing/clock.ts';
import { caller } from './caller.ts';
import { Unreachable } from './errors.ts';

const desk = contract('desk', { ask: command({ http: 'POST /ask', input: z.object({}) }) });

test('a breaker that opens between two attempts does not hide what the first one came to', async () => {
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
        throw new Unreachable('nobody knows what became of it');
      },
      close: async () => {},
    }),
  });
  const outcome = (): Promise<unknown> => clock.run(call(desk.ask, {}).catch((error: unknown) => error));
  assert.ok((await outcome()) instanceof Unreachable, 'it was on its way: nobody may say that nothing was done');
  assert.ok((await outcome()) instanceof BreakerOpen, 'nothing was sent');
  assert.equal(sent, 1);
});

test('every attempt sends the input as it was when the call was made', async () => {
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
        if (sent.length === 1) throw new Unreachable('nobody knows what became of it');
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
