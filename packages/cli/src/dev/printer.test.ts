import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Observe, silent, type TraceContext } from 'seaworthy/core';
import { formatError, printing } from './printer.ts';

const error = (message: string, code?: string, cause?: unknown): Error =>
  Object.assign(new Error(message, { cause }), code !== undefined && { code });

for (const [what, thrown, said, expected] of [
  ['an error without a cause', error('no', 'SW_NO'), '', 'no (SW_NO)'],
  ['a text', 'odd', '', 'odd'],
  ['a cause', error('no', 'SW_NO', error('why', 'E1')), '', 'no (SW_NO); cause: why (E1)'],
  ['a cause whose message the error contains', error('no (why)', 'SW_NO', error('why')), '', 'no (why) (SW_NO)'],
  ['a cause with a code whose message the error contains', error('no (why)', 'SW_NO', error('why', 'E1')), '', 'no (why) (SW_NO)'],
  ['a cause without a message', error('no answer ()', 'SW_NO', error('', 'ECONNREFUSED')), '', 'no answer () (SW_NO); cause: ECONNREFUSED'],
  [
    'the cause of a cause whose message is known',
    error('x: fetch failed', undefined, error('fetch failed', undefined, error('connect 127.0.0.1:80', 'ECONNREFUSED'))),
    '',
    'x: fetch failed; cause: connect 127.0.0.1:80 (ECONNREFUSED)',
  ],
  ['an error whose message the line above contains', error('take failed', 'SW_NO', error('why')), 'shop.take failed', 'why'],
] as const) {
  test(`formatError formats ${what}`, () => assert.equal(formatError(thrown, said), expected));
}

test('an error that cannot be read is printed', () => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  assert.match(formatError(error('no', 'SW_NO', proxy), ''), /^no \(SW_NO\); cause: ./);
  assert.doesNotThrow(() => printed((observe) => observe.log('error', 'shop.take failed', { service: 'shop', error: proxy })));
});

test('an error that is its own cause is printed once', () => {
  const circle = error('x');
  circle.cause = circle;
  assert.equal(formatError(circle, ''), 'x');
});

/** Returns the lines that are printed during `during`, without the times. */
function printed(during: (observe: Observe) => void): readonly string[] {
  const lines: string[] = [];
  during(printing({ names: ['shop'], level: 'info', beside: silent, write: (line) => lines.push(line) }));
  return lines.map((line) => line.replaceAll(/\d\d:\d\d:\d\d\.\d{3}/g, 'TIME').trim());
}
/** Makes a new span in the trace `n`. */
let spans = 0;
const trace = (n: number): TraceContext => ({
  traceparent: `00-${String(n).padStart(32, '0')}-${String(++spans).padStart(16, '0')}-01`,
});
const failing = (observe: Observe, thrown: Error, within?: TraceContext): void =>
  observe.log('error', 'shop.take failed', { service: 'shop', error: thrown }, within);
const head = 'TIME  error  shop     shop.take failed';

test('the error of a request is printed once; its retries refer to the time of that line', () => {
  const lines = printed((observe) => {
    failing(observe, error('why'), trace(1));
    observe.log('info', 'something else', { service: 'shop' }, trace(1));
    failing(observe, error('why'), trace(1));
    failing(observe, error('why'), trace(1));
  });
  const again = `${head} (the same error as at TIME)`;
  assert.deepEqual(lines, [head, 'why', 'TIME  info   shop     something else', again, again]);
});

test('a different error, the same error of another request and an error outside a request are printed in full', () => {
  const lines = printed((observe) => {
    failing(observe, error('why'), trace(1));
    failing(observe, error('why', 'E2'), trace(1));
    failing(observe, error('why', undefined, error('behind it')), trace(1));
    failing(observe, error('shop.take failed'), trace(1));
    failing(observe, error('failed'), trace(1));
    failing(observe, error('why'), trace(2));
    failing(observe, error('why'));
    failing(observe, error('why'));
  });
  assert.deepEqual(lines, [
    head,
    'why',
    head,
    'why (E2)',
    head,
    'why; cause: behind it',
    head,
    head,
    head,
    'why',
    head,
    'why',
    head,
    'why',
  ]);
});

test('an error that is out of sight is printed in full again', () => {
  const lines = printed((observe) => {
    failing(observe, error('why'), trace(1));
    for (let i = 0; i < 30; i++) observe.log('info', `${i}`);
    failing(observe, error('why'), trace(1));
  });
  assert.deepEqual(lines.slice(-2), [head, 'why']);
});

test('lines have the name and key of a declared error, the number of published events, and once what a step waits for', () => {
  const lines = printed((observe) => {
    const call = observe.span('seaworthy_serve', { service: 'shop', operation: 'shop.take' });
    call.note({ key: 'k1' });
    call.note({ declared: 'SoldOut' });
    call.end('declared');
    observe.count('seaworthy_outbox_published_total', { service: 'shop', event: 'shop.taken' });
    observe.count('seaworthy_outbox_published_total', { service: 'shop', event: 'shop.taken' }, 3);
    observe.count('seaworthy_saga_ended_total', { service: 'shop', saga: 'sell', state: 'done' });
    // The log has a line for an undone saga.
    observe.count('seaworthy_saga_ended_total', { service: 'shop', saga: 'sell', state: 'undone' });
    for (const waits of ['breaker bank is open', 'breaker bank is open', 'bank is unready']) {
      const step = observe.span('seaworthy_saga_step', { service: 'shop', saga: 'sell', step: 'pay' }, { parent: trace(3) });
      step.note({ waits });
      step.end('postponed');
    }
    observe.span('seaworthy_saga_step', { service: 'shop', saga: 'sell', step: 'pay' }).end('done');
  });
  assert.deepEqual(
    lines.map((line) => line.replaceAll(/ {2,}/g, ' ').replaceAll(/[\d.]+ ms/g, 'MS')),
    [
      'TIME call shop shop.take declared MS SoldOut key=k1',
      'TIME event shop shop.taken published',
      'TIME event shop shop.taken published 3 events',
      'TIME saga shop sell done',
      'TIME step shop sell.pay postponed waits: breaker bank is open',
      'TIME step shop sell.pay postponed waits: bank is unready',
    ],
  );
});
