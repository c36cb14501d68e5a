class Money {
  readonly #pence: number;
  constructor(pence: number) {
    this.#pence = pence;
  }
  get pence(): number {
    return this.#pence;
  }
}
const ring: { readonly inner: unknown[] } = { inner: [] };
ring.inner.push(ring);
const nested = (depth: number): unknown => Array.from({ length: depth }).reduce<unknown>((inner) => ({ a: inner }), 1);

/** Values that JSON cannot represent, each with a word of the rule that it breaks. For tests. */
export const lossy: Readonly<Record<string, readonly [value: unknown, rule: RegExp]>> = {
  'a Map': [new Map([['a', 1]]), /an instance of Map/],
  'a Set': [new Set([1]), /an instance of Set/],
  'a Date': [new Date(0), /an instance of Date/],
  'an Error': [new Error('why'), /an instance of Error/],
  bytes: [new Uint8Array([1, 2]), /an instance of (Typed|Uint8)Array/],
  'a Buffer': [Buffer.from('a'), /an instance of Buffer/],
  'an ArrayBuffer': [new ArrayBuffer(2), /an instance of ArrayBuffer/],
  'a Blob': [new Blob(['a']), /an instance of Blob/],
  'a RegExp': [/a/, /an instance of RegExp/],
  'a URL': [new URL('http://a'), /an instance of URL/],
  'a promise': [Promise.resolve(1), /an instance of Promise/],
  'a boxed number': [Object(1), /an instance of Number/],
  'an instance with a private field': [new Money(5), /an instance of Money/],
  'an object with inherited fields': [Object.create({ a: 1 }), /an instance of/],
  'an object that writes itself': [{ a: 1, toJSON: () => 2 }, /a function/],
  'a function': [() => 1, /a function/],
  'a symbol': [Symbol('a'), /a symbol/],
  'a bigint': [1n, /a bigint/],
  NaN: [Number.NaN, /NaN/],
  Infinity: [Number.POSITIVE_INFINITY, /Infinity/],
  '-Infinity': [Number.NEGATIVE_INFINITY, /-Infinity/],
  'undefined in a list': [[1, undefined], /undefined/],
  'a hole in a list': [new Array(2), /undefined/],
  'a value that contains itself': [ring, /contains itself/],
  'a value nested too deeply': [nested(5000), /more than 100 levels/],
  'a name that changes its receiver': [JSON.parse('{"__proto__": {"a": 1}}'), /could change objects/],
  'a getter that throws': [
    {
      get a(): never {
        throw new Error('no');
      },
    },
    /cannot be read/,
  ],
  'a revoked proxy': [
    (() => {
      const { proxy, revoke } = Proxy.revocable({}, {});
      revoke();
      return proxy;
    })(),
    /cannot be read/,
  ],
};

/** Values with a text that JSON keeps and not every database does, each with a word of the rule that it breaks. For tests. */
export const unstorableTexts: Readonly<Record<string, readonly [value: unknown, rule: RegExp]>> = {
  'half of a surrogate pair': ['a\ud800', /half of a surrogate pair/],
  'U+0000': ['a\0b', /U\+0000/],
  'U+0000 deep inside': [[{ a: { b: ['\0'] } }], /U\+0000/],
  'U+0000 in the name of a field': [{ 'a\0': 1 }, /U\+0000/],
};
