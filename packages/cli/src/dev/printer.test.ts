import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Observe, silent, type TraceContext } from 'seaworthy/core';
import { printing, told } from './printer.ts';

const error = (message: string, code?: string, cause?: unknown): Error =>
  Object.assign(new Error(message, { cause }), code !== undefined && { code });

for (const [what, thrown, said, expected] of [
  ['an error alone', error('no', 'SW_NO'), '', 'no (SW_NO)'],
  ['what is no error', 'odd', '', 'odd'],
  ['a cause', error('no', 'SW_NO', error('why', 'E1')), '', 'no (SW_NO), since why (E1)'],
  ['a cause whose words the error has', error('no (why)', 'SW_NO', error('why')), '', 'no (why) (SW_NO)'],
  ['such a cause, whose code says no more', error('no (why)', 'SW_NO', error('why', 'E1')), '', 'no (why) (SW_NO)'],
  ['a cause without words', error('no answer ()', 'SW_NO', error('', 'ECONNREFUSED')), '', 'no answer () (SW_NO), since ECONNREFUSED'],
  [
    'what is behind a cause that says nothing new',
    error('x: fetch failed', undefined, error('fetch failed', undefined, error('connect 127.0.0.1:80', 'ECONNREFUSED'))),
    '',
    'x: fetch failed, since connect 127.0.0.1:80 (ECONNREFUSED)',
  ],
  ['an error that the line above has said', error('take failed', 'SW_NO', error('why')), 'shop.take failed', 'why'],
] as const) {
  test(`${what} is told in these words`, () => assert.equal(told(thrown, said), expected));
}

test('what cannot be read is told all the same', () => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  assert.match(told(error('no', 'SW_NO', proxy), ''), /^no \(SW_NO\), since ./);
  assert.doesNotThrow(() => printed((observe) => observe.log('error', 'shop.take failed', { service: 'shop', error: proxy })));
});

test('causes in a circle come to an end', () => {
  const circle = error('x');
  circle.cause = circle;
  assert.equal(told(circle, ''), 'x');
});

/** What is printed meanwhile, without the times. */
function printed(during: (observe: Observe) => void): readonly string[] {
  const lines: string[] = [];
  during(printing({ names: ['shop'], level: 'info', beside: silent, write: (line) => lines.push(line) }));
  return lines.map((line) => line.replaceAll(/\d\d:\d\d:\d\d\.\d{3}/g, 'TIME').trim());
}
/** Each is a span of its own in the trace `n`. */
let spans = 0;
const trace = (n: number): TraceContext => ({
  traceparent: `00-${String(n).padStart(32, '0')}-${String(++spans).padStart(16, '0')}-01`,
});
const failing = (observe: Observe, thrown: Error, within?: TraceContext): void =>
  observe.log('error', 'shop.take failed', { service: 'shop', error: thrown }, within);
const head = 'TIME  error  shop     shop.take failed';

test('the error of a request is told once; its retries say when it was told', () => {
  const lines = printed((observe) => {
    failing(observe, error('why'), trace(1));
    observe.log('info', 'something else', { service: 'shop' }, trace(1));
    failing(observe, error('why'), trace(1));
    failing(observe, error('why'), trace(1));
  });
  const again = `${head} (the same error as at TIME)`;
  assert.deepEqual(lines, [head, 'why', 'TIME  info   shop     something else', again, again]);
});

test('another error of a request, the same of another request, and one of no request are told in full', () => {
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
  assert.deepEqual(lines, [head, 'why', head, 'why (E2)', head, 'why, since behind it', head, head, head, 'why', head, 'why', head, 'why']);
});

test('an error that is out of sight is told in full again', () => {
  const lines = printed((observe) => {
    failing(observe, error('why'), trace(1));
    for (let i = 0; i < 30; i++) observe.log('info', `${i}`);
    failing(observe, error('why'), trace(1));
  });
  assert.deepEqual(lines.slice(-2), [head, 'why']);
});

test('a declared error says its name and the key of the call, what was published how often, and a step that waits says once for what', () => {
  const lines = printed((observe) => {
    const call = observe.span('seaworthy_serve', { service: 'shop', operation: 'shop.take' });
    call.note({ key: 'k1' });
    call.note({ declared: 'SoldOut' });
    call.end('declared');
    observe.count('seaworthy_outbox_published_total', { service: 'shop', event: 'shop.taken' });
    observe.count('seaworthy_outbox_published_total', { service: 'shop', event: 'shop.taken' }, 3);
    observe.count('seaworthy_saga_ended_total', { service: 'shop', saga: 'sell', state: 'done' });
    // Of one that was undone the log says more.
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
      'TIME event shop shop.taken published 3 of them',
      'TIME saga shop sell done',
      'TIME step shop sell.pay postponed waits: breaker bank is open',
      'TIME step shop sell.pay postponed waits: bank is unready',
    ],
  );
});
