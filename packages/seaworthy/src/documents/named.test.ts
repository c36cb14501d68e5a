import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { z } from 'zod';
import { thorough } from '../../../../scripts/thorough.ts';
import { compatibility } from '../compatibility/compatibility.ts';
import { lockOf } from '../compatibility/lock.ts';
import { type AnyContract, command, contract, event, type Members } from '../contract/contract.ts';
import { isObject, pointed } from '../contract/json.ts';
import { operationsOf } from '../contract/member.ts';
import { inputOf } from '../contract/request.ts';
import { ContractInvalid } from '../contract/verify.ts';
import { asyncapi } from './asyncapi.ts';
import { openapi } from './openapi.ts';

const runs = thorough ? 200 : 80;

/** What a schema is to be, and of what. */
interface Plan {
  readonly kind: keyof typeof kinds;
  readonly of: readonly Plan[];
}
type Make = (of: readonly z.ZodType[]) => z.ZodType;

const first = ([one]: readonly z.ZodType[]): z.ZodType => one ?? z.string();
const kinds = {
  text: () => z.string(),
  bounded: () => z.string().min(1).max(9),
  int: () => z.int().min(1),
  flag: () => z.boolean(),
  enum: () => z.enum(['x', 'y']),
  literal: () => z.literal(7),
  either: () => z.union([z.string(), z.int()]),
  optional: (of) => first(of).optional(),
  default: () => z.string().default('x'),
  nullable: (of) => (first(of).safeParse(null).success ? first(of) : first(of).nullable()),
  list: (of) => z.array(first(of)),
  pair: (of) => z.tuple([first(of), z.int()]),
  record: (of) => z.record(z.string(), first(of)),
  object: (of) => z.object(Object.fromEntries(of.map((one, index) => [`f${index}`, one]))),
  forms: (of) => z.discriminatedUnion('k', [z.object({ k: z.literal('a'), a: first(of) }), z.object({ k: z.literal('b') })]),
  parts: (of) => z.intersection(z.object({ a: first(of) }), z.object({ b: z.int() })),
} satisfies Record<string, Make>;

const leaves = ['text', 'bounded', 'int', 'flag', 'enum', 'literal', 'either', 'default'] as const;
const plan: fc.Arbitrary<Plan> = fc.letrec<{ plan: Plan }>((tie) => ({
  plan: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    fc.constantFrom(...leaves).map((kind): Plan => ({ kind, of: [] })),
    fc.record({
      kind: fc.constantFrom<Plan['kind']>('optional', 'nullable', 'list', 'pair', 'record', 'object', 'forms', 'parts'),
      of: fc.array(tie('plan'), { minLength: 1, maxLength: 3 }),
    }),
  ),
})).plan;

/** One contract, some of whose schemas have names, by turns. */
function made(plans: readonly [input: Plan, field: Plan, output: Plan, data: Plan], http: string, turns: readonly boolean[]): AnyContract {
  let turn = 0;
  const named = <T extends z.ZodType>(schema: T): T => {
    turn++;
    return turns[turn % turns.length] ? schema.meta({ id: `Name${turn}` }) : schema;
  };
  const build = ({ kind, of }: Plan): z.ZodType => named(kinds[kind](of.map(build)));
  const [input, field, output, data] = plans;
  const members = {
    act: command({
      http: http as 'POST /act',
      input: named(z.object({ id: named(build(field)), more: build(input) })) as never,
      output: named(z.object({ out: build(output) })),
      errors: { No: { status: 409, data: build(data) } },
    }),
    acted: event({ key: 'id', data: named(z.object({ id: named(z.enum(['p', 'q'])), data: build(data) })) }),
  };
  return contract('acts', members as Members);
}

/** A document with everything in the place that refers to it. */
function written(doc: object): unknown {
  const at = (ref: string): unknown =>
    ref
      .slice(2)
      .split('/')
      .reduce<unknown>((value, part) => (value as Record<string, unknown>)[pointed(part)], doc);
  const visit = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(visit);
    if (!isObject(value)) return value;
    const { $ref, ...rest } = value;
    const own = Object.fromEntries(Object.entries(rest).map(([name, one]) => [name, visit(one)]));
    if (typeof $ref === 'string') return { ...(visit(at($ref)) as object), ...own };
    const { type, ...others } = own;
    // Zod itself writes the same in two ways.
    if (Array.isArray(type) && type[1] === 'null') return { anyOf: [{ type: type[0], ...others }, { type: 'null' }] };
    return own;
  };
  const { components: _, ...shown } = doc as { components: unknown };
  return visit(shown);
}

const raw = { params: { id: '5' }, query: 'more=1&more=true', body: { more: 1 } };

/** All that hangs on a contract's schemas, or why there is none. */
function seen(make: () => AnyContract): unknown {
  let api: AnyContract;
  try {
    api = make();
  } catch (error) {
    assert.ok(error instanceof ContractInvalid);
    return error.message;
  }
  return {
    requests: operationsOf(api).map((operation) => inputOf(operation, raw)),
    http: written(openapi(api)),
    events: written(asyncapi(api)),
  };
}

const names = fc.array(fc.boolean(), { minLength: 1, maxLength: 9 });
const plans = fc.tuple(
  plan,
  fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...leaves).map((kind): Plan => ({ kind, of: [] })) }, { weight: 1, arbitrary: plan }),
  plan,
  plan,
);
const paths = fc.constantFrom('POST /act/{id}', 'DELETE /act/{id}', 'PUT /act');

test('property: names of schemas do not change requests, answers and documents of a contract', () => {
  let taken = 0;
  fc.assert(
    fc.property(plans, paths, names, (all, http, turns) => {
      const plain = seen(() => made(all, http, [false]));
      if (typeof plain !== 'string') taken++;
      assert.deepEqual(
        seen(() => made(all, http, turns)),
        plain,
      );
    }),
    { numRuns: runs },
  );
  assert.ok(taken > runs / 5, `${taken} contracts were taken`);
});

test('property: names of schemas do not change whether two versions of a contract are compatible', () => {
  let different = 0;
  fc.assert(
    fc.property(plans, plans, fc.integer({ min: 0, max: 3 }), names, names, (before, other, kept, old, next) => {
      // The next version differs in one of its schemas.
      const after = before.map((one, index) => (index === kept ? (other[index] as Plan) : one)) as unknown as typeof before;
      const found = (reading: readonly boolean[], writing: readonly boolean[]): readonly string[] | undefined => {
        try {
          const [a, b] = [lockOf([made(before, 'POST /act', writing)]), lockOf([made(after, 'POST /act', reading)])];
          return [...new Set(compatibility(a, b).map(({ place, severity }) => `${place} ${severity}`))].sort();
        } catch (error) {
          assert.ok(error instanceof ContractInvalid);
          return undefined;
        }
      };
      const plain = found([false], [false]);
      if (plain && plain.length > 0) different++;
      assert.deepEqual(found(next, old), plain);
    }),
    { numRuns: runs },
  );
  assert.ok(different > runs / 5, `${different} versions differed`);
});
