import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { command, contract, query } from './contract.ts';
import { InputInvalid } from './input.ts';
import { requestOf } from './request.ts';

const Ref = z.object({ id: z.string() });
const things = contract('things', {
  get: query({ http: 'GET /{id}', input: Ref, output: Ref }),
  put: command({ http: 'PUT /{id}', input: Ref }),
  page: query({ http: 'GET /docs/{id}', input: Ref, output: Ref }),
  nested: query({ http: 'GET /{a}/{b}', input: z.object({ a: z.string(), b: z.string() }), output: Ref }),
  own: query({ http: 'GET /openapi.json', input: z.object({}), output: Ref }),
});

const refuses = (call: () => unknown, message: RegExp): void =>
  assert.throws(call, (error: unknown) => error instanceof InputInvalid && message.test(error.message) && error.issues[0]?.path !== '');

test('a value that would make an address of the toolkit is refused before it is sent', () => {
  for (const id of ['metrics', 'health', 'docs', 'asyncapi.json'])
    refuses(
      () => requestOf(things.get, { id }),
      /^the input of things\.get is wrong: id: makes the address GET \/\S+, which belongs to the toolkit/,
    );
  for (const id of ['start.js', 'swagger-ui.css', 'swagger-ui-bundle.js'])
    refuses(() => requestOf(things.page, { id }), /GET \/docs\/\S+, which belongs to the toolkit/);
  for (const b of ['live', 'ready', 'anything'])
    refuses(() => requestOf(things.nested, { a: 'health', b }), /GET \/health\/\w+, which belongs to/);
});

test('such a value is that of another operation where the contract has one there', () => {
  refuses(() => requestOf(things.get, { id: 'openapi.json' }), /which is that of own/);
});

test('any other value travels, and so does one of these in another method', () => {
  for (const id of ['metric', 'Metrics', 'healthy', 'doc', 'a/b', 'metrics/']) assert.ok(requestOf(things.get, { id }));
  for (const id of ['metrics', 'health', 'docs']) assert.equal(requestOf(things.put, { id }).path, `/${id}`);
  assert.equal(requestOf(things.page, { id: 'index.html' }).path, '/docs/index.html');
  assert.equal(requestOf(things.own, {}).path, '/openapi.json');
});
