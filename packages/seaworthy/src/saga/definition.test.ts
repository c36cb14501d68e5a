import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { SagaInvalid, saga } from './definition.ts';
import { Ref, trips } from './world.fixture.ts';

test('two steps of one name, names that cannot be kept, and a timeout without a unit are refused', () => {
  const one = saga(trips, 'one', { input: Ref }).local('a', { do: () => 1 });
  assert.throws(() => one.local('a' as never, { do: () => 2 }), /two steps named a/);
  assert.throws(() => saga(trips, 'No Name', { input: Ref }), /lower case/);
  assert.throws(() => saga(trips, 'x', { input: Ref }).local('a b', { do: () => 1 }), /step name/);
  assert.throws(
    () => one.local('b', { do: () => 1, timeout: '10' as never }),
    /the timeout of the step b of one is "10": write a number and a unit/,
  );
});

test('more steps than an index can keep are refused by their length', () => {
  const grow = (count: number): unknown => {
    let one = saga(trips, 'long', { input: Ref });
    for (let step = 0; step < count; step++) one = one.local(`${'x'.repeat(90)}${step}`, { do: () => 1 }) as never;
    return one;
  };
  grow(9);
  assert.throws(
    () => grow(12),
    (error: unknown) => error instanceof SagaInvalid && /the steps of long have \d+ characters .* 1000/.test(error.message),
  );
});

test('an input whose values JSON does not keep, as they are sent or as validation makes them, is refused; one with another form of JSON is not', () => {
  for (const field of [
    z.date(),
    z.coerce.date(),
    z.file(),
    z.map(z.string(), z.int()),
    z.set(z.int()),
    z.bigint(),
    z.string().transform(Number),
  ])
    assert.throws(
      () => saga(trips, 'odd', { input: z.object({ id: z.string(), field }) }),
      (error: unknown) => error instanceof SagaInvalid && /the input of the saga odd cannot be put on the wire as JSON/.test(error.message),
    );
  const codec = z.codec(z.iso.datetime(), z.date(), { decode: (text) => new Date(text), encode: (date) => date.toISOString() });
  assert.throws(() => saga(trips, 'odd', { input: z.object({ at: codec }) }), SagaInvalid);
  assert.equal(saga(trips, 'even', { input: z.object({ yes: z.stringbool(), n: z.int().default(1) }) }).name, 'even');
});
