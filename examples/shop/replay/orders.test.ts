import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { FileInvalid, pence, readOrders, totalOf } from './orders.ts';

const header = 'InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country';
const row = (parts: Partial<Record<'invoice' | 'code' | 'quantity' | 'price' | 'customer' | 'description', string>> = {}): string =>
  [
    parts.invoice ?? '1',
    parts.code ?? 'A',
    parts.description ?? 'THING',
    parts.quantity ?? '2',
    '2010-12-01 08:26:00',
    parts.price ?? '2.55',
    parts.customer ?? '17850.0',
    'United Kingdom',
  ].join(',');
const file = (...rows: string[]): string => [header, ...rows, ''].join('\n');

test('an order for each invoice; equal products stay separate lines; a missing customer is a guest', () => {
  const { orders, refused } = readOrders(file(row(), row(), row({ invoice: '2', customer: '', description: '"A ""QUOTED"", THING"' })));
  assert.deepEqual(refused, []);
  assert.deepEqual(orders, [
    { invoice: '1', customerId: '17850', items: Array(2).fill({ productId: 'A', quantity: 2, unitPrice: 255 }) },
    { invoice: '2', customerId: undefined, items: [{ productId: 'A', quantity: 2, unitPrice: 255 }] },
  ]);
});

test('an invalid row is refused with line and reason; the rest of its invoice is kept', () => {
  const wrong: readonly [string, string][] = [
    [row({ invoice: 'C1' }), 'credit note'],
    [row({ quantity: '-1' }), 'Quantity is not positive'],
    [row({ quantity: '1.5' }), 'Quantity "1.5" is not a whole number'],
    [row({ quantity: '' }), 'Quantity "" is not a whole number'],
    [row({ price: '0.0' }), 'UnitPrice is not positive'],
    [row({ price: '-2.00' }), 'UnitPrice is not positive'],
    [row({ price: '1.005' }), 'UnitPrice "1.005" is not an amount with at most two decimals'],
    [row({ price: 'x' }), 'UnitPrice "x" is not an amount with at most two decimals'],
    [row({ code: '' }), 'StockCode must have 1 to 100 characters'],
    [row({ invoice: '' }), 'InvoiceNo is empty'],
    ['1,A,B', 'has 3 columns, not 8'],
    [row({ quantity: '100001' }), 'Quantity 100001 is more than 100000'],
  ];
  const { orders, refused } = readOrders(file(row(), ...wrong.map(([text]) => text), row()));
  assert.deepEqual(
    refused,
    wrong.map(([, reason], index) => ({ line: index + 3, reason })),
  );
  assert.equal(orders[0]?.items.length, 2);
});

test('a byte order mark and Windows line ends are read; a wrong header and an empty file are not', () => {
  assert.equal(readOrders(`\ufeff${file(row()).replaceAll('\n', '\r\n')}`).orders.length, 1);
  assert.throws(() => readOrders(''), FileInvalid);
  assert.throws(() => readOrders('a,b\n1,2\n'), /line 1 must be InvoiceNo/);
});

test('stray quotes are kept; an unclosed quote is refused with its line', () => {
  const { orders, refused } = readOrders(file(row({ invoice: '1' }), row({ invoice: '2', description: 'A "B" C' }), row({ invoice: '3' })));
  assert.deepEqual([orders.length, refused.length], [3, 0]);
  assert.throws(() => readOrders(file(row(), row({ description: '"NEVER CLOSED' }), row())), /Quote Not Closed.*line/);
});

test('pounds are converted to pence exactly', () => {
  fc.assert(
    fc.property(fc.nat(100_000_000), (amount) => {
      const text = `${Math.floor(amount / 100)}.${String(amount % 100).padStart(2, '0')}`;
      assert.equal(pence(text), amount);
      assert.equal(pence(text.replace(/0$/, '')), amount);
    }),
  );
});

test('the sample has the orders of one day', () => {
  const { orders, refused } = readOrders(readFileSync(new URL('./sample.csv', import.meta.url), 'utf8'));
  assert.ok(orders.length >= 5 && refused.length >= 2);
  assert.ok(orders.every((order) => totalOf(order) > 0));
});
