import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { z } from 'zod';
import { thorough } from '../../../../scripts/thorough.ts';
import { type Contract, command, contract, event, type Members, query } from '../contract/contract.ts';
import { compatibility, type Incompatibility } from './compatibility.ts';
import { type ContractLock, LockInvalid, lockOf, readLock } from './lock.ts';

const Item = z.object({ productId: z.string(), quantity: z.int().min(1).max(10) });
const Order = z.object({ orderId: z.string(), total: z.int() });
const Placed = z.object({ customer: z.string(), items: z.array(Item) });
const members = {
  place: command({
    http: 'POST /orders',
    input: Placed,
    output: Order,
    status: 201,
    location: '/orders/{orderId}',
    errors: { Refused: { status: 409, data: z.object({ why: z.string() }) } },
  }),
  order: query({ http: 'GET /orders/{orderId}', input: z.object({ orderId: z.string() }), output: Order }),
  placed: event({ key: 'orderId', data: Order }),
} satisfies Members;

const lock = (changed: Members = {}, without: string = ''): ContractLock => {
  const all = Object.entries({ ...members, ...changed }).filter(([name]) => name !== without);
  return lockOf([contract('orders', Object.fromEntries(all)) as unknown as Contract<string, Members>]);
};
const found = (after: ContractLock): readonly string[] =>
  compatibility(lock(), after).map(({ place, rule, severity }: Incompatibility) => `${place} ${rule} ${severity}`);

const place = (spec: object): Members => ({ place: { ...members.place, ...spec } as Members[string] });

test('a contract is compatible with itself, and with a version that offers more', () => {
  assert.deepEqual(found(lock()), []);
  assert.deepEqual(found(lock({ cancel: command({ http: 'POST /cancel', input: z.object({}) }) })), []);
  const input = z.object({ customer: z.string(), note: z.string().optional(), items: z.array(Item.extend({ quantity: z.int() })) });
  const more = { placedAt: z.string().optional(), by: z.string().default('') };
  assert.deepEqual(found(lock(place({ input, output: Order.extend(more) }))), []);
  // Answers of queries are not recorded.
  const order = query({ http: 'GET /orders/{orderId}', input: members.order.input, output: Order.extend({ placedAt: z.string() }) });
  assert.deepEqual(found(lock({ order })), []);
});

const breaks: readonly (readonly [string, ContractLock, readonly string[]])[] = [
  ['a new field of a request', lock(place({ input: Placed.extend({ note: z.string() }) })), ['orders.place.input.note required breaking']],
  [
    'a request with a tighter limit',
    lock(place({ input: z.object({ customer: z.string(), items: z.array(Item.extend({ quantity: z.int().min(1).max(5) })) }) })),
    ['orders.place.input.items[].quantity maximum breaking'],
  ],
  [
    'a field removed from an answer',
    lock(place({ output: Order.omit({ total: true }), location: undefined })),
    ['orders.place.location location breaking', 'orders.place.output.total required breaking'],
  ],
  [
    'a field of an answer that becomes optional',
    lock(place({ output: Order.partial({ total: true }) })),
    ['orders.place.output.total required breaking'],
  ],
  [
    'an output removed',
    lock(place({ output: undefined, location: undefined })),
    ['orders.place.location location breaking', 'orders.place.output removed breaking'],
  ],
  ['a changed path', lock(place({ http: 'POST /all-orders' })), ['orders.place.http http breaking']],
  ['a changed status', lock(place({ status: 202 })), ['orders.place.status status breaking']],
  [
    'a new error',
    lock(place({ errors: { ...members.place.errors, Full: { status: 409 } } })),
    ['orders.place.errors.Full new error breaking'],
  ],
  [
    'a changed error',
    lock(place({ errors: { Refused: { status: 410, data: z.object({ why: z.int() }) } } })),
    [
      'orders.place.errors.Refused.status status breaking',
      'orders.place.errors.Refused.data.why type breaking',
      'orders.place.errors.Refused.data.why type breaking',
    ],
  ],
  [
    'a new field of an answer, which recorded answers lack',
    lock(place({ output: Order.extend({ seat: z.string() }) })),
    ['orders.place.output.seat required breaking'],
  ],
  [
    'an answer with a tighter limit than recorded ones',
    lock(place({ output: Order.extend({ total: z.int().min(1) }) })),
    ['orders.place.output.total minimum breaking'],
  ],
  [
    'a new field of the data of an error, which recorded ones lack',
    lock(place({ errors: { Refused: { status: 409, data: z.object({ why: z.string(), who: z.string() }) } } })),
    ['orders.place.errors.Refused.data.who required breaking'],
  ],
  ['an error removed that may be recorded', lock(place({ errors: {} })), ['orders.place.errors.Refused removed error breaking']],
  [
    'a changed kind',
    lock({ order: { ...members.order, kind: 'command', http: 'POST /orders/{orderId}' } as unknown as Members[string] }),
    ['orders.order.kind kind breaking', 'orders.order.http http breaking'],
  ],
  ['an operation removed', lock({}, 'order'), ['orders.order removed breaking']],
  ['an event removed', lock({}, 'placed'), ['orders.placed removed breaking']],
  [
    'a changed key',
    lock({ placed: event({ key: 'who', data: Order.extend({ who: z.string().default('') }) }) }),
    ['orders.placed.key key breaking'],
  ],
  [
    'a field removed from an event',
    lock({ placed: event({ key: 'orderId', data: Order.omit({ total: true }) }) }),
    ['orders.placed.data.total required breaking'],
  ],
  [
    'a new field of an event, which events in flight lack',
    lock({ placed: event({ key: 'orderId', data: Order.extend({ by: z.string() }) }) }),
    ['orders.placed.data.by required breaking'],
  ],
  ['a contract removed', lockOf([]), ['orders removed breaking']],
];
for (const [name, after, findings] of breaks) test(`${name} is breaking`, () => assert.deepEqual(found(after), findings));

test('an output that is added to a command is breaking, since recorded answers lack it; so are data added to an error', () => {
  const [bare, full] = [
    place({ output: undefined, location: undefined, errors: { Refused: { status: 409 } } }),
    place({ location: undefined }),
  ].map((changed) => lock(changed)) as [ContractLock, ContractLock];
  assert.deepEqual(
    compatibility(bare, full).map(({ place: at, rule }) => `${at} ${rule}`),
    ['orders.place.output added', 'orders.place.errors.Refused.data added'],
  );
});

test('a finding about recorded answers says why they matter', () => {
  const [finding] = compatibility(lock(), lock(place({ output: Order.extend({ seat: z.string() }) })));
  assert.equal(
    finding?.message,
    'it must be there now, and in answers of the old version, which are kept under their idempotency keys and in the journals of sagas, it may be missing',
  );
  assert.equal(finding?.advice, 'make it optional, or give it a default');
});

test('a finding has what old callers send, what the new version demands, and advice', () => {
  const [finding] = compatibility(lock(), lock(place({ input: Placed.extend({ note: z.string() }) })));
  assert.equal(finding?.message, 'it must be there now, and what callers of the old version send may be missing');
  assert.equal(finding?.advice, 'make it optional, or give it a default');
});

const fields = fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.constantFrom('string', 'int', 'optional', 'default', 'enum', 'wide'), {
  maxKeys: 3,
});
const kinds: Readonly<Record<string, { readonly schema: z.ZodType; readonly value: fc.Arbitrary<unknown> }>> = {
  string: { schema: z.string(), value: fc.string() },
  int: { schema: z.int().min(0).max(9), value: fc.nat(9) },
  optional: { schema: z.string().optional(), value: fc.option(fc.string(), { nil: undefined }) },
  default: { schema: z.string().default('d'), value: fc.option(fc.string(), { nil: undefined }) },
  enum: { schema: z.enum(['x', 'y']), value: fc.constantFrom('x', 'y') },
  wide: { schema: z.union([z.string(), z.number()]), value: fc.oneof(fc.string(), fc.double({ noNaN: true, noDefaultInfinity: true })) },
};
const made = (given: Readonly<Record<string, string>>): z.ZodObject =>
  z.object(Object.fromEntries(Object.entries(given).map(([name, kind]) => [name, (kinds[kind] as { schema: z.ZodType }).schema])));
const sent = (given: Readonly<Record<string, string>>): fc.Arbitrary<unknown> =>
  fc.record(
    Object.fromEntries(Object.entries(given).map(([name, kind]) => [name, (kinds[kind] as { value: fc.Arbitrary<unknown> }).value])),
  );
const runs = thorough ? 1000 : 300;
const json = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

test('property: when two versions are compatible, requests of the old one are accepted, and each reads answers and events of the other', () => {
  let compatible = 0;
  const versions = fc
    .record({ before: fields, after: fields, keep: fc.boolean() })
    .map(({ before, after, keep }) => ({ before, after: keep ? { ...before, ...after } : after }));
  const played = versions.chain(({ before, after }) =>
    fc.record({ before: fc.constant(before), after: fc.constant(after), older: sent(before), newer: sent(after) }),
  );
  fc.assert(
    fc.property(played, ({ before, after, older, newer }) => {
      const [old, next] = [made(before), made(after)];
      const id = z.object({ id: z.string() });
      const versionOf = (schema: z.ZodObject, member: 'input' | 'output' | 'data'): ContractLock => {
        const op = command({
          http: 'POST /op',
          input: member === 'input' ? schema : id,
          output: member === 'output' ? schema : id,
        });
        const happened = event({ key: 'id', data: member === 'data' ? schema.extend({ id: z.string() }) : id });
        return lockOf([contract('s', { op, happened }) as unknown as Contract<string, Members>]);
      };
      const fits = (member: 'input' | 'output' | 'data'): boolean =>
        compatibility(versionOf(old, member), versionOf(next, member)).length === 0;
      const accepted = (schema: z.ZodType, value: unknown): void =>
        assert.ok(schema.safeParse(json(value)).success, JSON.stringify({ before, after, value }));
      if (fits('input')) accepted(next, older);
      // A service answers what its own validation gave.
      if (fits('output')) {
        accepted(old, next.parse(json(newer)));
        // Callers of the new version get recorded answers.
        accepted(next, old.parse(json(older)));
      }
      if (fits('data')) {
        accepted(old, newer);
        accepted(next, older);
        compatible++;
      }
    }),
    { numRuns: runs },
  );
  assert.ok(compatible > runs / 20, `${compatible} were compatible`);
});

test('a lock is read as it was written, and any other file is refused with the place of the fault', () => {
  assert.deepEqual(readLock(JSON.parse(JSON.stringify(lock())), 'contract.lock.json'), lock());
  const wrong: readonly (readonly [unknown, RegExp])[] = [
    [[], /old\.json is not a contract lock \(it is not a JSON object\)/],
    [{ lockVersion: 2 }, /lockVersion is 2 and must be 1/],
    [{ lockVersion: 1 }, /contracts is not an object/],
    [{ lockVersion: 1, contracts: { a: {} } }, /contracts\.a lacks operations or events/],
    [{ lockVersion: 1, contracts: { a: { operations: { b: {} }, events: {} } } }, /contracts\.a\.operations\.b lacks/],
    [{ lockVersion: 1, contracts: { a: { operations: {}, events: { c: { key: 'k' } } } } }, /contracts\.a\.events\.c lacks key or data/],
  ];
  for (const [value, message] of wrong)
    assert.throws(
      () => readLock(value, 'old.json'),
      (error: unknown) => error instanceof LockInvalid && message.test(error.message),
    );
});
