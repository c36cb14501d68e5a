import { describe, test } from 'node:test';
import { thorough } from '../../../../scripts/thorough.ts';
import { crashConformance } from './conformance.ts';
import { inMemory, onDisk, time } from './grounds.fixture.ts';

describe('sqlite and the embedded bus', () => {
  for (const { name, run } of crashConformance(onDisk, time, thorough ? 1 : 3)) test(name, run);
});

describe('memory store and memory bus', () => {
  for (const { name, run } of crashConformance(inMemory, time, thorough ? 2 : 5)) test(name, run);
});
