import assert from 'node:assert/strict';
import { test } from 'node:test';
import { command, contract, event } from 'seaworthy/contract';
import type { DeadLetterDetail } from 'seaworthy/outbox';
import { type Instance, saga } from 'seaworthy/saga';
import { service } from 'seaworthy/service';
import { z } from 'zod';
import { shownData, shownKey, shownLetter, shownResult, shownSaga } from './secrets.ts';

const Pin = z.string().meta({ secret: true });
const bank = contract('bank', {
  pay: command({
    http: 'POST /pay',
    input: z.object({ id: z.string() }),
    output: z.object({ receipt: z.string(), token: Pin }),
    errors: { No: { status: 409, data: z.object({ trace: Pin }) } },
  }),
  paid: event({ key: 'id', data: z.object({ id: z.string(), pin: Pin }) }),
});
const shop = contract('shop', { sell: command({ http: 'POST /sell', input: z.object({ id: z.string() }) }) });
const sale = saga(shop, 'sale', { input: z.object({ id: z.string(), pin: Pin }), uses: [bank] }).step('pay', { do: () => ({}) });
const seller = service(shop, { handlers: { sell: () => {} }, sagas: [sale], on: (on) => [on(bank.paid, () => {})] });

test('the secrets in the input, the results and the cause of a saga are hidden', () => {
  const instance = {
    name: 'sale',
    input: { id: 'a', pin: '1234' },
    journal: [{ step: 'pay', state: 'done', result: { of: [{ receipt: 'r', token: 't0ken' }] } }],
    cause: { kind: 'declared', step: 'pay', name: 'No', data: { trace: 'tr4ce', id: 'a' } },
  } as unknown as Instance;
  const { input, journal, cause } = shownSaga(seller, instance);
  assert.deepEqual(input, { id: 'a', pin: '***' });
  assert.deepEqual(journal[0]?.result, { of: [{ receipt: 'r', token: '***' }] });
  assert.deepEqual(cause, { kind: 'declared', step: 'pay', name: 'No', data: { trace: '***', id: 'a' } });
  // A step may return a secret under another name, or without a name.
  for (const result of ['t0ken', { code: 't0ken' }, ['t0ken', { code: 't0ken' }]])
    assert.ok(!JSON.stringify(shownResult(seller, instance, result)).includes('t0ken'));
  // A saga without a definition is hidden by the field names that its service knows.
  assert.deepEqual(shownSaga(seller, { ...instance, name: 'gone' }).input, { id: 'a', pin: '***' });
});

test('the key of an event is hidden when its contract marks it', () => {
  const cards = contract('cards', { made: event({ key: 'number', data: z.object({ number: Pin }) }) });
  const till = service(contract('till', {}), { handlers: {}, on: (on) => [on(cards.made, () => {})] });
  assert.equal(shownKey(till, 'cards.made', '4242'), '***');
  assert.equal(shownKey(seller, 'bank.paid', 'a'), 'a');
  const letter = { type: 'cards.made', key: '4242', envelope: { partitionkey: '4242', data: { number: '4242' } }, text: '' };
  assert.ok(!JSON.stringify(shownLetter(till, letter as unknown as DeadLetterDetail)).includes('4242'));
});

test('the secrets of a dead letter are hidden, also without a handler and when it is unreadable', () => {
  const data = { id: 'a', pin: '1234' };
  assert.deepEqual(shownData(seller, 'bank.paid', data), { id: 'a', pin: '***' });
  assert.deepEqual(shownData(seller, 'bank.gone', { paid: data }), { paid: { id: 'a', pin: '***' } });
  const unreadable = { type: 'bank.paid', envelope: undefined, text: '{"pin":"1234' } as unknown as DeadLetterDetail;
  assert.equal(shownLetter(seller, unreadable).text, '***');
});
