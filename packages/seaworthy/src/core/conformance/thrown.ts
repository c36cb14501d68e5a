const gotcha = (): never => {
  throw new Error('gotcha');
};
const revoked = (target: object): object => {
  const { proxy, revoke } = Proxy.revocable(target, {});
  revoke();
  return proxy;
};
const ring = new Error('ring');
ring.cause = ring;

/** Values that somebody may throw, hostile ones among them, and what is said of each. Everything that catches must bear them. */
export const thrown: Readonly<Record<string, readonly [value: unknown, text: string | RegExp]>> = {
  error: [new Error('no'), 'no'],
  'error without a message': [new RangeError(), 'RangeError'],
  text: ['no', 'no'],
  nothing: [undefined, 'undefined'],
  null: [null, 'null'],
  symbol: [Symbol('no'), 'Symbol(no)'],
  bigint: [7n, '7n'],
  function: [function no() {}, /no/],
  object: [{ code: 7 }, '{ code: 7 }'],
  'object with a message': [{ message: 'no' }, 'no'],
  'message that is an object': [Object.assign(new Error('no'), { message: { text: 'insufficient funds' } }), /insufficient funds/],
  'message that is a symbol': [Object.assign(new Error('no'), { message: Symbol('no') }), 'Error'],
  'no message': [Object.assign(new Error('no'), { message: undefined }), 'Error'],
  'no prototype': [Object.assign(Object.create(null), { code: 7 }), /code: 7/],
  'getter that throws': [Object.defineProperty(new Error('no'), 'message', { get: gotcha }), 'Error'],
  'getters that throw': [
    Object.defineProperties({}, { message: { get: gotcha }, name: { get: gotcha }, code: { get: gotcha }, cause: { get: gotcha } }),
    '{}',
  ],
  'toString that throws': [{ toString: gotcha, [Symbol.toPrimitive]: gotcha }, /toString/],
  'tag that throws': [Object.defineProperty({}, Symbol.toStringTag, { get: gotcha }), /./],
  'inspection that throws': [{ [Symbol.for('nodejs.util.inspect.custom')]: gotcha }, /./],
  'revoked proxy': [revoked({}), /./],
  'revoked function': [revoked(() => {}), /./],
  'proxy whose traps throw': [new Proxy({}, { get: gotcha, getPrototypeOf: gotcha, ownKeys: gotcha }), /./],
  'prototype that was revoked': [Object.setPrototypeOf({}, revoked({})), /./],
  'ring of causes': [ring, 'ring'],
  'message without end': [new Error('x'.repeat(5_000_000)), /^x{2000}$/],
  'half a character': [new Error('\ud83d'), '\ufffd'],
  'a zero in its text': [new Error('a\0b'), 'a\ufffdb'],
};
