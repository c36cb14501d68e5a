import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { runtime } from '../../core/runtime.ts';
import { seededRandom } from '../../testing/clock.ts';
import { conformance } from '../conformance.ts';
import { memory } from './memory.ts';
import { sqlite } from './sqlite.ts';

const root = mkdtempSync(join(tmpdir(), 'seaworthy-store-'));
after(() => rmSync(root, { recursive: true, force: true }));
let folder = 0;

describe('sqlite', () => {
  for (const { name, run } of conformance(() => sqlite({ dir: join(root, String(folder++)) }), runtime())) test(name, run);
});

for (const seed of [1, 2, 3]) {
  describe(`memory, seed ${seed}`, () => {
    for (const { name, run } of conformance(memory, runtime({ random: seededRandom(seed) }))) test(name, run);
  });
}
