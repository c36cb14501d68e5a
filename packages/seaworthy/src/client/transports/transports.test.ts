import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { thorough } from '../../../../../scripts/thorough.ts';
import { lossy } from '../../contract/conformance/lossy.ts';
import { runtime } from '../../core/runtime.ts';
import { failedReply } from '../../http/reply.ts';
import { httpServer } from '../../http/server.ts';
import { operationRoutes } from '../../service/transports/http.ts';
import { expected, type Name, operation, outcome, things, thingsEndpoint } from '../conformance/things.ts';
import { type Connection, type Served, transportConformance } from '../conformance.ts';
import type { Endpoint } from '../transport.ts';
import { http } from './http.ts';
import { local } from './local.ts';

const ways: Readonly<Record<string, (served: Served) => Promise<Connection>>> = {
  async local({ contract, endpoint }) {
    let there: Endpoint | undefined = endpoint;
    return {
      transport: local(contract['~contract'], () => there),
      async stop() {
        there = undefined;
      },
    };
  },
  async http({ contract, endpoint, runtime }) {
    const server = await httpServer({
      routes: operationRoutes(contract, endpoint, runtime),
      failed: (error) => failedReply(runtime, error),
    });
    return { transport: http(server.url), stop: () => server.close(AbortSignal.abort()) };
  },
};

/** Stands for a value that fast-check itself could not bear. */
class Lossy {
  readonly what: string;
  constructor(what: string) {
    this.what = what;
  }
}
const real = (value: unknown): unknown => {
  if (value instanceof Lossy) return lossy[value.what]?.[0];
  if (Array.isArray(value)) return value.map(real);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, real(one)]));
};
const scalars = fc.oneof(
  fc.constantFrom<unknown>(undefined, null, '', '.', '..', 'a', 'true', '5', '/', '%2e', 'a&b=c', 0, -0, 5, 1.5, 1e300, true, false),
  fc.constantFrom<unknown>(Number.NaN, Number.POSITIVE_INFINITY, 1n, '\ud800', 'x'.repeat(2049), '😀'.repeat(2000)),
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.double(),
  fc.constantFrom(...Object.keys(lossy)).map((what) => new Lossy(what)),
);
const values = fc.oneof(
  { weight: 4, arbitrary: scalars },
  { weight: 2, arbitrary: fc.array(scalars, { maxLength: 3 }) },
  { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 3 }) },
  { weight: 1, arbitrary: fc.constantFrom<unknown>({ toString: 1, valueOf: 2 }, [[]], [['a']], [null], [undefined], [''], ['', '']) },
);
/** Inputs of which each field is right, wrong or missing, and which may have others. */
const inputs = (right: Readonly<Record<string, fc.Arbitrary<unknown>>>): fc.Arbitrary<unknown> =>
  fc.oneof(
    { weight: 4, arbitrary: fc.record(right) },
    {
      weight: 12,
      arbitrary: fc
        .tuple(fc.record(right), fc.dictionary(fc.constantFrom(...Object.keys(right), 'other', 'constructor'), values, { maxKeys: 2 }))
        .map(([fields, wrong]) => ({ ...fields, ...wrong })),
    },
    { weight: 1, arbitrary: values },
  );
const word = fc
  .string({ unit: 'binary', minLength: 1, maxLength: 9 })
  .filter((text) => text.isWellFormed() && text !== '.' && text !== '..');

const right: Readonly<Partial<Record<Name, Readonly<Record<string, fc.Arbitrary<unknown>>>>>> = {
  find: {
    id: word,
    text: fc.string(),
    n: fc.double({ noNaN: true, noDefaultInfinity: true }),
    yes: fc.boolean(),
    ints: fc.array(fc.integer()),
  },
  remove: { n: fc.integer(), yes: fc.boolean(), ids: fc.array(word) },
  put: { id: word, deep: fc.jsonValue(), text: fc.string() },
};

for (const [way, connect] of Object.entries(ways))
  describe(way, () => {
    for (const { name, run } of transportConformance(connect)) test(name, run);

    for (const [name, fields] of Object.entries(right) as [Name, Record<string, fc.Arbitrary<unknown>>][])
      test(`G14: any input of ${name} has the outcome that every transport must give it`, async () => {
        const endpoint = thingsEndpoint(() => assert.fail('`ask` is not called'));
        const { transport, stop } = await connect({ contract: things as never, endpoint, runtime: runtime() });
        const taken = { output: 0, declared: 0, problem: 0 };
        const signal = new AbortController().signal;
        const bare = { operation: operation(name), key: undefined, deadline: undefined, undoes: undefined, attempt: 1, signal };
        try {
          await fc.assert(
            fc.asyncProperty(inputs(fields), async (given) => {
              const input = real(given);
              const answer = await outcome(() => transport.send({ ...bare, input }));
              assert.deepEqual(answer, await expected(name, input));
              taken[answer.kind]++;
            }),
            { numRuns: thorough ? 150 : 60 },
          );
        } finally {
          await transport.close();
          await stop();
        }
        assert.ok(taken.output > 5 && taken.problem > 5, JSON.stringify(taken));
      });
  });
