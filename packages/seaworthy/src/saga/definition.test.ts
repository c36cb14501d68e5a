import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ref, trips } from './conformance/world.ts';
import { saga } from './saga.ts';

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
