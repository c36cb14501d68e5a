import { describe, test } from 'node:test';
import { conformance } from './conformance.ts';
import { inMemory, onDisk, time } from './grounds.fixture.ts';

describe('sqlite and the embedded bus', () => {
  for (const { name, run } of conformance(onDisk, time)) test(name, run);
});

describe('memory store and memory bus', () => {
  for (const { name, run } of conformance(inMemory, time)) test(name, run);
});
