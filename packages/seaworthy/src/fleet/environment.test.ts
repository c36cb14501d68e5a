import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EnvironmentInvalid, environment } from './environment.ts';

test('an empty environment gives the defaults', () => {
  assert.deepEqual(environment({}), {
    listen: { port: 8080, host: '127.0.0.1', services: false, operations: undefined },
    shutdown: { drain: '10s', grace: '0s' },
    dir: '.seaworthy',
    only: undefined,
    addresses: {},
    logLevel: 'info',
  });
});

test('every variable has its setting', () => {
  const given = environment({
    PORT: '0',
    HOST: '::1',
    SEAWORTHY_DIR: '/data',
    SEAWORTHY_PORTS: '1',
    SEAWORTHY_DRAIN: '500ms',
    SEAWORTHY_GRACE: '5s',
    SEAWORTHY_OPERATIONS: '[::1]:9090',
    LOG_LEVEL: 'silent',
  });
  assert.deepEqual(given, {
    listen: { port: 0, host: '::1', services: true, operations: { port: 9090, host: '[::1]' } },
    shutdown: { drain: '500ms', grace: '5s' },
    dir: '/data',
    only: undefined,
    addresses: {},
    logLevel: 'silent',
  });
  assert.deepEqual(environment({ SEAWORTHY_OPERATIONS: '9090' }).listen.operations, { port: 9090 });
});

test('lists by name are read: what runs in this process, its ports, and the addresses of the others', () => {
  const { only, listen, addresses } = environment({
    SEAWORTHY_ONLY: 'orders,gateway',
    SEAWORTHY_PORTS: 'orders=7101',
    SEAWORTHY_ADDRESSES: 'payments=http://a:7102|http://b:7102, stock=https://c/',
  });
  assert.deepEqual(only, ['orders', 'gateway']);
  assert.deepEqual(listen.services, { orders: 7101 });
  assert.deepEqual(addresses, { payments: ['http://a:7102', 'http://b:7102'], stock: ['https://c/'] });
});

const wrong: readonly [string, string][] = [
  ['PORT', '80a'],
  ['PORT', '65536'],
  ['PORT', '-1'],
  ['HOST', 'a b'],
  ['SEAWORTHY_PORTS', 'yes'],
  ['SEAWORTHY_PORTS', 'orders=99999'],
  ['SEAWORTHY_OPERATIONS', 'nine'],
  ['SEAWORTHY_OPERATIONS', '99999'],
  ['SEAWORTHY_OPERATIONS', '::1:9090'],
  ['SEAWORTHY_ONLY', 'orders,'],
  ['SEAWORTHY_ADDRESSES', 'orders'],
  ['SEAWORTHY_ADDRESSES', 'orders=http://a/path'],
  ['SEAWORTHY_ADDRESSES', 'orders=ftp://a'],
  ['SEAWORTHY_DRAIN', '10'],
  ['LOG_LEVEL', 'loud'],
];
for (const [name, value] of wrong) {
  test(`${name}=${value} is refused by name and rule`, () => {
    assert.throws(
      () => environment({ [name]: value }),
      (error: unknown) =>
        error instanceof EnvironmentInvalid && error.message.startsWith(`${name} must be `) && error.message.endsWith(`, got "${value}"`),
    );
  });
}

test('every wrong variable is named at once', () => {
  assert.throws(() => environment({ PORT: 'x', LOG_LEVEL: 'x' }), /PORT.*; LOG_LEVEL/);
});
