import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { z } from 'zod';
import { examine } from './schema.ts';
import { redact, redactByName, unredact } from './secrets.ts';

const Secret = z.string().meta({ secret: true });
const Card = z.object({ number: Secret, owner: z.string() }).meta({ id: 'Card' });
const Tree = z.object({
  key: Secret,
  get parts() {
    return z.array(Tree);
  },
});

describe('a secret is hidden wherever its schema marks it', () => {
  const cases: readonly (readonly [string, z.ZodType, unknown, unknown])[] = [
    ['a whole value', Secret, 'abc', '***'],
    ['a field', z.object({ a: Secret, b: z.string() }), { a: 'x', b: 'y' }, { a: '***', b: 'y' }],
    ['one that may be missing', z.object({ a: Secret.optional(), b: z.string() }), { b: 'y' }, { b: 'y' }],
    ['one that may be null', z.object({ a: Secret.nullable() }), { a: null }, { a: '***' }],
    ['one with a default', z.object({ a: Secret.default('d') }), { a: 'x' }, { a: '***' }],
    [
      'by reference, beside its name',
      z.object({ c: Card, d: Card.meta({ secret: true }) }),
      { c: { number: '4', owner: 'o' }, d: { number: '4' } },
      { c: { number: '***', owner: 'o' }, d: '***' },
    ],
    ['by a name of its own', z.object({ a: Secret.meta({ id: 'Token', secret: true }) }), { a: 'x' }, { a: '***' }],
    [
      'in a list and a tuple',
      z.object({ l: z.array(Secret), t: z.tuple([z.int(), Secret]) }),
      { l: ['a', 'b'], t: [1, 'c'] },
      { l: ['***', '***'], t: [1, '***'] },
    ],
    ['in a record', z.record(z.string(), Secret), { a: 'x', b: 'y' }, { a: '***', b: '***' }],
    [
      'in an alternative',
      z.union([z.object({ k: z.literal('a'), v: Secret }), z.object({ k: z.literal('b'), v: z.string() })]),
      { k: 'a', v: 'x' },
      { k: 'a', v: '***' },
    ],
    ['in a part', z.intersection(z.object({ a: z.string() }), z.object({ b: Secret })), { a: 'x', b: 'y' }, { a: 'x', b: '***' }],
    ['in one that holds itself', Tree, { key: 'x', parts: [{ key: 'y', parts: [] }] }, { key: '***', parts: [{ key: '***', parts: [] }] }],
    [
      'of another type',
      z.object({ pin: z.int().meta({ secret: true }), o: z.object({ a: z.string() }).meta({ secret: true }) }),
      { pin: 7, o: { a: 'x' } },
      { pin: '***', o: '***' },
    ],
    ['in a value that breaks its schema', z.object({ a: Secret }), { a: { b: ['x'] }, more: 1 }, { a: '***', more: 1 }],
    ['a schema that cannot be read', z.object({ at: z.date(), a: z.string() }), { a: 'x' }, '***'],
  ];
  for (const [what, schema, value, shown] of cases) test(what, () => assert.deepEqual(redact(schema, value), shown));
});

test('unredact restores the secrets of a shown value and keeps new ones', () => {
  const schema = z.object({ a: Secret, l: z.array(Card), b: z.string() });
  const value = { a: 'x', l: [{ number: '1', owner: 'o' }], b: '***' };
  const shown = redact(schema, value) as typeof value;
  assert.deepEqual(unredact(schema, { ...shown, b: 'new' }, value), { ...value, b: 'new' });
  assert.deepEqual(unredact(schema, { ...shown, a: 'other' }, value), { ...value, a: 'other' });
});

test('redactByName shows only fields with open names', () => {
  const schemas = [z.object({ card: Card }), z.object({ list: z.array(z.object({ pin: z.int().meta({ secret: true }) })) })];
  const value = { paid: { number: '4', owner: 'o' }, all: [{ pin: 1, owner: ['o', { code: 'c' }] }], token: 't', seen: true, none: null };
  assert.deepEqual(redactByName(schemas, value), {
    paid: { number: '***', owner: 'o' },
    all: [{ pin: '***', owner: ['o', { code: '***' }] }],
    token: '***',
    seen: true,
    none: null,
  });
  assert.deepEqual(redactByName(schemas, ['4711', 7]), ['***', '***']);
  assert.equal(redactByName(schemas, '4711'), '***');
});

test('redactByName shows everything when no schema marks a secret, and hides unknown fields when a schema cannot be read', () => {
  const value = { token: 't', list: [1] };
  assert.deepEqual(redactByName([z.object({ a: z.string() })], value), value);
  assert.deepEqual(redactByName([z.object({ at: z.date() }), z.object({ token: z.string() })], value), { token: 't', list: ['***'] });
});

test('findings do not quote secrets, whatever their messages say', async () => {
  const quoting = (text: string) => z.string().refine(() => false, { error: ({ input }) => `${text} ${String(input)}` });
  const schema = z
    .object({ token: quoting('bad').meta({ secret: true }), pin: quoting('bad').meta({ secret: true }), name: quoting('bad') })
    .refine(() => false, { error: ({ input }) => `whole ${JSON.stringify(input)}`, when: () => true });
  const result = await examine(schema, { token: 's3cret-token', pin: '7', name: 'n7' });
  assert.ok('findings' in result);
  assert.deepEqual(
    result.findings.map(({ path, message }) => `${path}: ${message}`),
    ['token: bad ***', 'pin: bad ***', 'name: bad n7', ': whole {"token":"***","pin":"7","name":"n7"}'],
  );
  const long = await examine(z.object({ token: quoting('x'.repeat(290)).meta({ secret: true }) }), { token: 'abcdefghijklmnop' });
  assert.ok('findings' in long && !long.findings[0]?.message.includes('abc'));
  const many = z.array(z.string().meta({ secret: true })).refine(() => false, { error: ({ input }) => String(input) });
  const told = await examine(
    many,
    Array.from({ length: 200 }, (_, index) => `secret-${index}`),
  );
  assert.ok('findings' in told && !told.findings[0]?.message.includes('secret-'));
});
