import assert from 'node:assert/strict';
import { existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { findByStorm, findByTests } from './find.ts';
import type { Mutant, Storming } from './mutant.ts';
import { mutants } from './mutants.ts';
import { clear, field, misplaced, workspace } from './plant.ts';

const root = mkdtempSync(join(tmpdir(), 'seaworthy-mutants-'));
after(() => clear(root));

test('every slip of the list can be planted, and its test files exist', () => {
  assert.equal(new Set(mutants.map(({ name }) => name)).size, mutants.length, 'names are said once');
  for (const { name, edits, tests } of mutants) {
    assert.ok(tests.length > 0, `${name} names its tests`);
    for (const file of tests) assert.ok(existsSync(join(workspace, file)), `${name} names ${file}`);
    for (const edit of edits) assert.equal(misplaced(edit), undefined, name);
  }
});

test('a slip that changes nothing is not found, and a program that does not run has found nothing', async () => {
  const own = field(join(root, 'harmless'));
  const harmless: Mutant = {
    name: 'nothing',
    edits: [['core/sleep.ts', 'return new Promise((resolve, reject) => {', 'return new Promise<void>((resolve, reject) => {']],
    tests: ['packages/seaworthy/src/core/wheel.test.ts'],
  };
  const restore = own.plant(harmless.edits);
  assert.equal((await findByTests(harmless, own)).kind, 'survived');
  restore();
  own.plant([['core/wheel.ts', 'export class', 'export clas']]);
  assert.equal((await findByTests(harmless, own)).kind, 'broken');
});

/** The slips that a storm finds soon. `npm run mutants -- --storms` plants all others. */
const soon = mutants.filter((mutant): mutant is Mutant & { readonly storm: Storming } => mutant.storm?.soon === true);

describe('a slip that shows only under faults is found by a storm', { concurrency: 2 }, () => {
  for (const { name, edits, storm } of soon) {
    test(name, async () => {
      const own = field(join(root, name.replaceAll(/\W+/g, '-')));
      own.plant(edits);
      const found = await findByStorm(storm, own);
      assert.equal(found.kind, 'found', 'output' in found ? found.output : '');
    });
  }
});
