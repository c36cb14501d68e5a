import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { allowedBaggage, formatBaggage, parseBaggage } from './baggage.ts';
import { baggageOf, formatTraceparent, parseTraceparent, parseTracestate, traceOf, withBaggage } from './trace.ts';

const hexOf = (digits: number): fc.Arbitrary<string> =>
  fc
    .array(fc.constantFrom(...'0123456789abcdef'), { minLength: digits, maxLength: digits })
    .map((all) => all.join(''))
    .filter((text) => /[^0]/.test(text));
const traceparents = fc.record({ traceId: hexOf(32), spanId: hexOf(16), flags: fc.integer({ min: 0, max: 3 }) }, { noNullPrototype: true });

const trace = '0af7651916cd43dd8448eb211c80319c';
const span = 'b7ad6b7169203331';
const good = `00-${trace}-${span}-01`;

/** Texts that resemble headers, and some that are far too long. */
const hostile = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 300 }),
  fc
    .array(fc.constantFrom('00-', '-', trace, span, '=', ',', ';', '%', '%E4', ' ', '\t', 'a', '@', '__proto__', '\ud800'), {
      maxLength: 80,
    })
    .map((all) => all.join('')),
  fc
    .tuple(fc.constantFrom('a=1,', ',', '=', ';', 'a', '%41', '0'), fc.integer({ min: 0, max: 30_000 }))
    .map(([text, times]) => text.repeat(times)),
);

test('a written traceparent is read unchanged', () => {
  fc.assert(fc.property(traceparents, (one) => assert.deepEqual(parseTraceparent(formatTraceparent(one)), one)));
});

test('a malformed traceparent is ignored', () => {
  assert.deepEqual(parseTraceparent(good), { traceId: trace, spanId: span, flags: 1 });
  // A later version may say more behind a hyphen (W3C Trace Context, 4.2).
  assert.deepEqual(parseTraceparent(`cc-${trace}-${span}-01-what`), { traceId: trace, spanId: span, flags: 1 });
  const none = [
    `ff-${trace}-${span}-01`,
    `00-${trace}-${span}-01-`,
    `00-${trace}-${span}-01-what`,
    `cc-${trace}-${span}-01what`,
    `00-${'0'.repeat(32)}-${span}-01`,
    `00-${trace}-${'0'.repeat(16)}-01`,
    `00-${trace.toUpperCase()}-${span}-01`,
    `00-${trace}-${span}`,
    ` ${good}`,
    '',
    17,
    null,
  ];
  for (const text of none) assert.equal(parseTraceparent(text), undefined, String(text));
});

test('the last of two traceparents holds if both are of one trace, otherwise none does', () => {
  const nearer = `00-${trace}-${'1'.repeat(16)}-01`;
  assert.equal(parseTraceparent(`${good}, ${nearer}`)?.spanId, '1'.repeat(16));
  assert.equal(parseTraceparent(`${good},00-${'1'.repeat(32)}-${span}-01`), undefined);
  assert.equal(parseTraceparent(`${good},nonsense`), undefined);
});

test('a well-formed tracestate is passed on, up to 32 members and 512 characters', () => {
  assert.equal(parseTracestate('rojo=00f067aa0ba902b7, congo=t61rcWkgMzE,,'), 'rojo=00f067aa0ba902b7,congo=t61rcWkgMzE');
  assert.equal(parseTracestate('tenant@vendor=a b'), 'tenant@vendor=a b');
  for (const text of ['a=1,a=2', 'A=1', 'a', '=1', 'a=1=2', 'a=ü', 'a=']) assert.equal(parseTracestate(text), undefined, text);
  const many = Array.from({ length: 40 }, (_, index) => `k${index}=1`);
  assert.equal(parseTracestate(many.join(','))?.split(',').length, 32);
  const long = Array.from({ length: 10 }, (_, index) => `k${index}=${'x'.repeat(96)}`);
  assert.equal(parseTracestate(long.join(',')), long.slice(0, 5).join(','));
});

const keys = fc.array(fc.constantFrom(..."abcXYZ019!#$%&'*+.^_`|~-"), { minLength: 1, maxLength: 12 }).map((all) => all.join(''));
const values = fc.string({ unit: 'grapheme', maxLength: 20 });

test('written baggage is read unchanged', () => {
  fc.assert(
    fc.property(fc.dictionary(keys, values, { maxKeys: 30 }), (entries) => {
      const all = new Map(Object.entries(entries));
      assert.deepEqual(parseBaggage(formatBaggage(all) ?? ''), all);
    }),
  );
});

test('properties and malformed entries of received baggage are left out', () => {
  const read = parseBaggage('userId=Am%C3%A9lie , serverNode=DF%2028;a=b;c, isProduction=false,, =x, b ad=1, bad=%E4, late=1');
  assert.deepEqual(
    [...read],
    [
      ['userId', 'Amélie'],
      ['serverNode', 'DF 28'],
      ['isProduction', 'false'],
      ['late', '1'],
    ],
  );
});

test('hostile input never throws, and its result is bounded', () => {
  fc.assert(
    fc.property(hostile, hostile, hostile, (traceparent, tracestate, baggage) => {
      const read = traceOf({ traceparent, tracestate, baggage: [baggage, 'tenant=a'] }, ['tenant', 'a']);
      assert.ok((read?.tracestate ?? '').length <= 512);
      assert.ok((read?.baggage ?? '').length <= 8192);
      for (const key of baggageOf(read).keys()) assert.ok(['tenant', 'a'].includes(key));
      const all = parseBaggage(baggage);
      assert.ok(all.size <= 64);
      assert.ok((formatBaggage(all) ?? '').length <= 8192);
      // Whatever is passed on can be in a header, and reads as the same again.
      for (const value of Object.values(read ?? {})) assert.match(value as string, /^[\x20-\x7e]+$/);
      assert.deepEqual(traceOf(read ?? {}, ['tenant', 'a']), read);
    }),
    { numRuns: 2000 },
  );
});

test('baggage is cut to 8,192 bytes and 64 entries', () => {
  const bomb = Array.from({ length: 5000 }, (_, index) => `k${index}=${'x'.repeat(50)}`);
  assert.equal(parseBaggage(bomb.join(',')).size, 64);
  const wide = new Map(Array.from({ length: 60 }, (_, index) => [`k${index}`, 'ü'.repeat(100)] as const));
  const text = formatBaggage(wide) as string;
  assert.ok(text.length <= 8192 && text.length > 7000, String(text.length));
});

test('only allowed keys of baggage are accepted, by default none', () => {
  assert.equal(allowedBaggage('tenant=7,secret=x', ['tenant']), 'tenant=7');
  assert.equal(allowedBaggage('tenant=7,secret=x', []), undefined);
  assert.equal(traceOf({ baggage: 'secret=x' }, ['tenant']), undefined);
  assert.deepEqual(traceOf({ traceparent: 'nonsense', tracestate: 'a=1', baggage: 'tenant=7' }, ['tenant']), { baggage: 'tenant=7' });
});

test('withBaggage adds entries to a trace, without keys that no header can carry', () => {
  const more = withBaggage({ traceparent: good, baggage: 'a=1' }, { b: 'x y', a: '2', 'no key': '3' });
  assert.deepEqual(more, { traceparent: good, baggage: 'a=2,b=x%20y' });
  assert.deepEqual(withBaggage(undefined, {}), {});
});
