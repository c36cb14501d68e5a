import { describe, test } from 'node:test';
import { crashConformance } from './conformance.ts';
import { inMemory, onDisk, time } from './grounds.fixture.ts';

describe('sqlite and the embedded bus', () => {
  for (const { name, run } of crashConformance(onDisk, time)) test(name, run);
});

describe('memory store and memory bus', () => {
  for (const { name, run } of crashConformance(inMemory, time, 2)) test(name, run);
});
