import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { openBooks } from '../processor/books.ts';
import { processor } from '../processor/server.ts';
import { type Cards, type Charged, cards } from './cards.ts';

let client: Cards;
let close = (): void => {};
before(async () => {
  const dir = mkdtempSync(join(tmpdir(), 'seaworthy-cards-'));
  const books = openBooks(dir);
  const server = processor({ books });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  client = cards(() => `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  close = () => {
    server.close();
    server.closeAllConnections();
    books.close();
    rmSync(dir, { recursive: true, force: true });
  };
});
after(async () => {
  await client.close();
  close();
});

const charge = (key: string, withinMs: number, { token = 'tok_ok', amount = 500 } = {}): Promise<Charged> =>
  client.charge({ key, orderId: `order-${key}`, amount, token, withinMs, signal: new AbortController().signal });
const inTime = 15_000;
const tooLate = -1;

test('a charge whose outcome could not be written for longer than its patience keeps its outcome', async () => {
  const captured = await charge('late', inTime);
  assert.equal(captured.state, 'captured');
  assert.deepEqual(await charge('late', tooLate), captured);
  assert.deepEqual(await charge('late', tooLate, { amount: 501 }), { state: 'otherwise' });
  assert.deepEqual(await charge('poor', inTime, { token: 'tok_declined' }), { state: 'declined' });
  assert.deepEqual(await charge('poor', tooLate, { token: 'tok_declined' }), { state: 'declined' });
});

test('a charge that the processor has not received within its patience is void, and cannot happen any more', async () => {
  assert.deepEqual(await charge('down', tooLate), { state: 'void' });
  assert.deepEqual(await charge('down', inTime), { state: 'void' });
  assert.deepEqual(await charge('down', tooLate), { state: 'void' });
});
