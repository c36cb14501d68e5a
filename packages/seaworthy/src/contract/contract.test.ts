import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { z } from 'zod';
import { command, contract, query } from './contract.ts';
import { HeaderInvalid, longestDeadlineMs, readHeaders, writeHeaders } from './headers.ts';
import { httpParts } from './http.ts';
import { InputInvalid } from './input.ts';
import { problemOf, statusOf } from './problem.ts';
import { inputOf, requestOf } from './request.ts';
import { answerOf, responseOf } from './response.ts';
import { examine, type Schema, sentence } from './schema.ts';
import { ContractInvalid } from './verify.ts';

const wire = contract('wire', {
  put: command({
    http: 'PUT /things/{id}/{n}',
    input: z.object({ id: z.string(), n: z.int(), deep: z.unknown() }),
    output: z.object({ ok: z.boolean() }),
    errors: { No: { status: 409, data: z.unknown() } },
  }),
  find: query({
    http: 'GET /things/{id}',
    input: z.object({
      id: z.string(),
      text: z.string().optional(),
      n: z.number().optional(),
      yes: z.boolean().optional(),
      list: z.array(z.int()).optional(),
      word: z.enum(['a', 'b']).optional(),
    }),
    output: z.object({}),
  }),
  made: command({ http: 'POST /made', input: z.object({}), output: z.object({ id: z.string() }), status: 201, location: '/things/{id}' }),
});
const text = fc
  .string({ unit: 'binary', minLength: 1, maxLength: 30 })
  .filter((value) => value.isWellFormed() && !value.includes('\0') && value !== '.' && value !== '..');

/** Takes an input through a request to the input that a server makes of it. */
function across(operation: (typeof wire)['put'] | (typeof wire)['find'], input: unknown): unknown {
  const plain = operation as never;
  const { path, body } = requestOf(plain, input);
  const url = new URL(path, 'http://x');
  const pattern = httpParts(operation.http).path.split('/');
  const params = Object.fromEntries(
    url.pathname
      .split('/')
      .flatMap((part, index) => (pattern[index]?.startsWith('{') ? [[pattern[index].slice(1, -1), decodeURIComponent(part)]] : [])),
  );
  return inputOf(plain, { params, query: url.search.slice(1), body: body === undefined ? undefined : JSON.parse(body) });
}

test('an input arrives unchanged through path and body', () => {
  fc.assert(
    fc.property(text, fc.integer(), fc.jsonValue(), (id, n, deep) => {
      const input = JSON.parse(JSON.stringify({ id, n, deep }));
      fc.pre(!/"__proto__"|"constructor"/.test(JSON.stringify(deep))); // names that are refused
      assert.deepEqual(across(wire.put, input), input);
    }),
  );
});

test('an input arrives unchanged through path and query string', () => {
  const finite = fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => (Object.is(n, -0) ? 0 : n));
  const input = fc.record(
    { id: text, text, n: finite, yes: fc.boolean(), list: fc.array(fc.integer(), { minLength: 1 }), word: fc.constantFrom('a', 'b') },
    { requiredKeys: ['id'] },
  );
  fc.assert(
    fc.property(input, (given) => {
      assert.deepEqual(across(wire.find, given), { ...given });
    }),
  );
});

test('any request becomes an input for validation, except that a query string which cannot be decoded is refused', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), fc.anything(), (id, query, body) => {
      inputOf(wire.find as never, { params: { id }, query: query.replaceAll('%', ''), body });
      inputOf(wire.find as never, { params: { id }, query: encodeURIComponent(query.toWellFormed()), body });
      inputOf(wire.put as never, { params: { id, n: query }, query, body });
    }),
  );
  for (const query of ['text=%ff', 'text=%', 'text=%zz', 'text=%ED%A0%80', '%ff=1']) {
    assert.throws(() => inputOf(wire.find as never, { params: { id: 'a' }, query, body: undefined }), InputInvalid, query);
  }
});

test('G14: of many findings the first twenty are reported, and how many more there are', async () => {
  const result = await examine(z.object({ list: z.array(z.int()) }), { list: Array(5000).fill('x'.repeat(1000)) });
  assert.ok('findings' in result);
  assert.equal(result.findings.length, 21);
  assert.deepEqual(result.findings.at(-1), { path: '', message: 'and 4980 more' });
  const strict = await examine(z.strictObject({}), Object.fromEntries(Array.from({ length: 5000 }, (_, index) => [`n${index}`, 1])));
  assert.ok('findings' in strict && sentence(strict.findings).length <= 300);
});

test('members of a problem document with a wrong form are left out', () => {
  const body = JSON.stringify({ title: { a: 1 }, detail: 5, code: null, issues: [{ path: 1 }], parts: { order: 1 }, retryAfterMs: -5 });
  const answer = answerOf(wire.put as never, { status: 409, contentType: 'application/problem+json', retryAfter: '3', at: 0, body });
  assert.deepEqual(answer, { kind: 'problem', problem: { type: 'about:blank', title: 'Problem', status: 409, retryAfterMs: 3000 } });
  const inherited = answerOf(wire.put as never, {
    status: 409,
    contentType: 'application/problem+json',
    retryAfter: undefined,
    at: 0,
    body: '{"error": "toString"}',
  });
  assert.equal(inherited?.kind, 'problem');
  const problem = (body: unknown): unknown =>
    answerOf(wire.put as never, {
      status: 503,
      contentType: 'application/problem+json',
      retryAfter: undefined,
      at: 0,
      body: JSON.stringify(body),
    });
  assert.deepEqual(problem({ title: 'x', parts: ['ok'] }), { kind: 'problem', problem: { type: 'about:blank', title: 'x', status: 503 } });
  assert.deepEqual(problem([]), { kind: 'problem', problem: { type: 'about:blank', title: 'Service Unavailable', status: 503 } });
});

test('output, declared error and problem arrive unchanged', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (data) => {
      const value = JSON.parse(JSON.stringify(data)) as unknown;
      for (const answer of [
        { kind: 'output', output: { value } },
        { kind: 'declared', name: 'No', data: value },
        {
          kind: 'problem',
          problem: {
            type: 'about:blank',
            title: 'Not now',
            status: 503,
            detail: 'x',
            code: 'SW_X',
            retryAfterMs: 1500,
            issues: [{ path: 'a.0', message: 'm' }],
          },
        },
      ] as const) {
        const { status, headers, body } = responseOf(wire.put as never, answer);
        const raw = {
          status,
          contentType: headers['content-type'],
          retryAfter: headers['retry-after'],
          at: 0,
          body: body === undefined ? '' : JSON.stringify(body),
        };
        assert.deepEqual(answerOf(wire.put as never, raw), answer);
      }
    }),
  );
});

test('a response that is not of the toolkit: a page is not an answer, a refusal is one', () => {
  assert.equal(
    answerOf(wire.put as never, { status: 200, contentType: 'text/html', retryAfter: undefined, at: 0, body: '<html>' }),
    undefined,
  );
  assert.equal(answerOf(wire.put as never, { status: 302, contentType: undefined, retryAfter: undefined, at: 0, body: '' }), undefined);
  assert.deepEqual(answerOf(wire.put as never, { status: 503, contentType: 'text/html', retryAfter: '2', at: 0, body: '<html>' }), {
    kind: 'problem',
    problem: { type: 'about:blank', title: 'Service Unavailable', status: 503, retryAfterMs: 2000 },
  });
});

test('Location is filled in from the output, and values cannot leave their segment', () => {
  assert.equal(responseOf(wire.made as never, { kind: 'output', output: { id: 'a/../b?' } }).headers['location'], '/things/a%2F..%2Fb%3F');
});

test('headers are read as they were written, and a wrong one is named', () => {
  const visible = fc.stringMatching(/^[\x21-\x7e]{1,255}$/);
  fc.assert(
    fc.property(
      fc.option(visible, { nil: undefined }),
      fc.option(
        fc.maxSafeNat().map((ms) => ms % (longestDeadlineMs + 1)),
        { nil: undefined },
      ),
      fc.option(visible, { nil: undefined }),
      fc.integer({ min: 1, max: 99 }),
      (key, deadlineMs, undoes, attempt) => {
        const given = { key, deadlineMs, undoes, attempt };
        assert.deepEqual(readHeaders(writeHeaders(given)), given);
      },
    ),
  );
  const endless = { key: undefined, deadlineMs: Number.POSITIVE_INFINITY, undoes: undefined, attempt: 1 };
  assert.equal(readHeaders(writeHeaders(endless)).deadlineMs, longestDeadlineMs);
  for (const [name, value] of [
    ['idempotency-key', ''],
    ['idempotency-key', 'ä'],
    ['idempotency-key', 'x'.repeat(256)],
    ['seaworthy-deadline-ms', '1.5'],
    ['seaworthy-deadline-ms', '9999999999999'],
    ['seaworthy-undoes', 'a b'],
    ['seaworthy-attempt', 'one'],
  ] as const) {
    assert.throws(
      () => readHeaders({ [name]: value }),
      (error: unknown) => error instanceof HeaderInvalid && error.message.startsWith(`${name}: takes`),
    );
  }
  assert.throws(() => readHeaders({ 'idempotency-key': ['a', 'b'] }), /was sent 2 times/);
});

test('each kind of error has one status; details of an internal error are not sent', () => {
  assert.deepEqual(
    Object.values(statusOf).map(([status]) => status),
    [400, 404, 409, 422, 429, 499, 500, 502, 503, 504],
  );
  const inside = new (class extends ContractInvalid {
    override readonly kind = 'internal' as never;
  })('the password is 1234');
  assert.doesNotMatch(JSON.stringify(problemOf(inside)), /1234/);
});

test('a contract takes schemas of any vendor with JSON Schema', () => {
  const schema: Schema<{ id: string }, { id: string }> = {
    '~standard': {
      version: 1,
      vendor: 'hand',
      validate: (value) => ({ value: value as { id: string } }),
      jsonSchema: {
        input: () => ({ type: 'object', properties: { id: { type: 'string' } }, required: ['id'] }),
        output: () => ({ type: 'object' }),
      },
    },
  };
  assert.equal(contract('x', { a: command({ http: 'PUT /a/{id}', input: schema }) }).a.service, 'x');
});

test('a query string is read in one pass, however many names it has', (context) => {
  const find = contract('shop', {
    find: query({ http: 'GET /find', input: z.object({ a1: z.string(), l: z.array(z.string()) }), output: z.object({}) }),
  }).find;
  // A lookup by name goes through all of them: lookups are counted, not timed.
  const asked = (['get', 'getAll', 'has'] as const).map((name) => context.mock.method(URLSearchParams.prototype, name).mock);
  const names = Array.from({ length: 4000 }, (_, index) => `a${index}`);
  const input = inputOf(find, { params: {}, query: `${names.map((name) => `${name}=1`).join('&')}&l=x&l=y`, body: undefined });
  assert.deepEqual([(input as { a1: string }).a1, (input as { l: string[] }).l], ['1', ['x', 'y']]);
  for (const { callCount } of asked.map((mock) => ({ callCount: mock.callCount() }))) assert.equal(callCount, 0);
});
