import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EnvironmentInvalid, environment } from './environment.ts';

test('an empty environment gives the defaults', () => {
  assert.deepEqual(environment({}), {
    port: 8080,
    host: '127.0.0.1',
    dir: '.seaworthy',
    ports: false,
    operations: undefined,
    only: undefined,
    addresses: {},
    drain: '10s',
    grace: '0s',
    logLevel: 'info',
  });
});

test('what is given is taken', () => {
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
    ...{ port: 0, host: '::1', dir: '/data', ports: true, drain: '500ms', grace: '5s', logLevel: 'silent' },
    operations: { port: 9090, host: '[::1]' },
    only: undefined,
    addresses: {},
  });
  assert.deepEqual(environment({ SEAWORTHY_OPERATIONS: '9090' }).operations, { port: 9090 });
});

test('what runs here, on which ports, and where the rest is', () => {
  const { only, ports, addresses } = environment({
    SEAWORTHY_ONLY: 'orders,gateway',
    SEAWORTHY_PORTS: 'orders=7101',
    SEAWORTHY_ADDRESSES: 'payments=http://a:7102|http://b:7102, stock=https://c/',
  });
  assert.deepEqual(only, ['orders', 'gateway']);
  assert.deepEqual(ports, { orders: 7101 });
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
      (error: unknown) => error instanceof EnvironmentInvalid && error.message.startsWith(`${name} is "${value}": it takes `),
    );
  });
}

test('every wrong variable is named at once', () => {
  assert.throws(() => environment({ PORT: 'x', LOG_LEVEL: 'x' }), /PORT.*; LOG_LEVEL/);
});
