import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkOptions, type OptionNames, OptionUnknown } from './options.ts';

interface Options {
  readonly port?: number;
  readonly bodies?: { readonly each?: number } | boolean | undefined;
}
const names: OptionNames<Options> = { port: true, bodies: { each: true } };
const check = (given: object | undefined): void => checkOptions('start', given as Options | undefined, names);

test('options of known names are accepted, with whatever values', () => {
  for (const given of [undefined, {}, { port: { other: 1 } }, { bodies: { each: 1 } }, { bodies: true }, { bodies: null }]) check(given);
});

test('an option that is undefined is as good as absent', () => {
  check({ prot: undefined, bodies: { eahc: undefined } });
});

test('an unknown option is refused by its name, with the names that are known', () => {
  for (const [given, message] of [
    [{ port: 1, prot: 1 }, 'start has no option prot: write one of port, bodies { each }'],
    [{ bodies: { eahc: 1 } }, 'start has no option bodies.eahc: write one of each'],
    [{ toString: 1 }, 'start has no option toString: write one of port, bodies { each }'],
  ] as const)
    assert.throws(
      () => check(given),
      (error) => error instanceof OptionUnknown && error.message === message,
      message,
    );
});
