import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { command, contract, query } from '../contract/contract.ts';
import { saga } from '../saga/definition.ts';
import { ServiceInvalid } from './errors.ts';
import { external, remote } from './handler.ts';
import { service } from './service.ts';

const Ref = z.object({ id: z.string() });
const desk = contract('desk', {
  write: command({ http: 'POST /write', input: Ref }),
  read: query({ http: 'GET /read/{id}', input: Ref, output: Ref }),
});
const bank = contract('bank', { pay: command({ http: 'POST /pay', input: Ref }) });
const outward = external({ before: () => 1, do: () => 1, after: () => ({ id: '' }) });
const distant = remote(() => ({ id: '' }));
const write = (): void => {};
const read = (): { id: string } => ({ id: '' });

/** What is said about handlers that the compiler would refuse. */
const refusal = (handlers: object, sagas: readonly object[] = []): string => {
  let message = '';
  const make = (): unknown => service(desk, { handlers: handlers as never, sagas: sagas as never });
  assert.throws(make, (error: unknown) => {
    assert.ok(error instanceof ServiceInvalid);
    message = error.message;
    return true;
  });
  return message;
};

test('a service has one handler for each operation, of its kind', () => {
  assert.equal(refusal({ read }), 'service desk has no handler for write: add it to `handlers`');
  assert.match(refusal({ read, write, other: write }), /^service desk handles other, which its contract does not offer/);
  for (const wrong of [distant, { before: write, do: write, after: write }, null])
    assert.equal(
      refusal({ read, write: wrong }),
      'service desk has no command handler for write: a command takes a function, or what `external` makes of functions',
    );
  for (const wrong of [outward, { remote: read }])
    assert.equal(
      refusal({ read: wrong, write }),
      'service desk has no query handler for read: a query takes a function, or what `remote` makes of functions',
    );
  assert.equal(service(desk, { handlers: { read: distant, write: outward as never } }).contract, desk);
});

test('a service lists its own sagas only', () => {
  const payment = saga(bank, 'payment', { input: Ref });
  assert.equal(refusal({ read, write }, [payment]), 'service desk lists the saga payment of bank: list it in the service of its contract');
});

test('a handler that only a service can run refuses to be called', () => {
  for (const handler of [outward, distant] as readonly unknown[]) {
    assert.throws(() => (handler as (context: object) => unknown)({}), { name: 'ServiceInvalid', message: /put it into `handlers`$/ });
  }
});
