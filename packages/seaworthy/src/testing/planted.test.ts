import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, describe, test } from 'node:test';
import { promisify } from 'node:util';

const run = promisify(execFile);
const workspace = resolve(import.meta.dirname, '../../../..');
const root = mkdtempSync(join(tmpdir(), 'seaworthy-planted-'));
after(() => rmSync(root, { recursive: true, force: true }));

interface Bug {
  readonly name: string;
  /** What to write in place of what; each is there once. */
  readonly edits: readonly (readonly [file: string, is: string, becomes: string])[];
  readonly instances?: number;
}

/** The usual mistakes of their rooms, of which no test of a good day knows. */
const bugs: readonly Bug[] = [
  {
    name: 'outbox: the relay deletes the rows, then publishes',
    edits: [
      [
        'outbox/relay.ts',
        '      await bus.publish(service, envelopes);',
        "      await remove(rows.map((row) => Number(row['seq'])));\n      await bus.publish(service, envelopes);",
      ],
    ],
  },
  {
    name: 'outbox: the relay goes on behind the last number that it has seen',
    edits: [
      [
        'outbox/relay.ts',
        'readSome(store.ownRead, firstRows, { rows: batch, bytes: mostBytes });',
        "readSome(store.ownRead, { ...firstRows, from: 'sw_outbox where seq > ? order by seq', values: [last] }, { rows: batch, bytes: mostBytes });\n    last = Number(rows.at(-1)?.['seq'] ?? last);",
      ],
      ['outbox/relay.ts', '  let leading = false;', '  let leading = false;\n  let last = 0;'],
    ],
  },
  { name: 'inbox: a repeat is not recognised', edits: [['outbox/inbox.ts', '  return changes > 0;', '  return changes >= 0;']] },
  {
    name: 'inbox: the mark has a transaction of its own',
    edits: [
      [
        'outbox/delivery.ts',
        "      runtime.reached('inbox/handle/before');",
        "      if (!(await store.transaction((tx) => mark(store.own(tx), arrived, clock.now())))) return ['repeat'];",
      ],
      ['outbox/delivery.ts', "        if (!(await mark(tx, arrived, now))) return 'repeat';\n        if", '        if'],
    ],
  },
  {
    name: 'saga: a step can be undone only once its result is known',
    edits: [['saga/where.ts', "new Set(['done', 'intended', 'stuck'])", "new Set(['done', 'stuck'])"]],
  },
  {
    name: 'saga: a step whose commit nobody heard of is written again',
    edits: [['saga/journal.ts', ' and version = ?', ' and ? >= 0']],
  },
  {
    name: 'saga: no fence, so that a process that only stalled writes over who took over',
    edits: [['saga/journal.ts', ' and owner = ? and version = ?', " and ? <> '' and ? >= 0"]],
    instances: 2,
  },
];

const hunt = `
import { bankStorm } from './bank.test.ts';
const [seeds, instances] = process.argv.slice(2).map(Number);
for (let seed = 1; seed <= seeds; seed++) {
  try {
    await bankStorm(seed, { instances });
  } catch (error) {
    process.stdout.write(error.message);
    break;
  }
}`;

/** A copy of the package, with a bug in it. */
function plant(name: string, edits: Bug['edits']): string {
  const copy = join(root, name.replaceAll(/\W+/g, '-'), 'packages', 'seaworthy');
  mkdirSync(copy, { recursive: true });
  cpSync(join(workspace, 'packages/seaworthy/src'), join(copy, 'src'), { recursive: true });
  cpSync(join(workspace, 'packages/seaworthy/package.json'), join(copy, 'package.json'));
  symlinkSync(join(workspace, 'node_modules'), join(copy, 'node_modules'));
  for (const [file, is, becomes] of edits) {
    const path = join(copy, 'src', file);
    const text = readFileSync(path, 'utf8');
    assert.equal(text.split(is).length, 2, `${JSON.stringify(is)} is once in ${file}`);
    writeFileSync(
      path,
      text.replace(is, () => becomes),
    );
  }
  writeFileSync(join(copy, 'src/testing/hunt.ts'), hunt);
  return join(copy, 'src');
}

const flags = ['--conditions=@seaworthy/source', '--disable-warning=ExperimentalWarning'];
const seeds = 60;

describe('a bug that is planted is found by a storm', { concurrency: 2 }, () => {
  for (const { name, edits, instances = 1 } of bugs) {
    test(name, async () => {
      const source = plant(name, edits);
      const { stdout } = await run(process.execPath, [...flags, join(source, 'testing/hunt.ts'), String(seeds), String(instances)]);
      assert.match(stdout, /^the storm of seed \d+ ended badly/);
    });
  }

  test('breaker: a late result of an earlier generation counts; found by its model', async () => {
    const source = plant('breaker', [
      ['resilience/breaker.ts', 'const current = admission.generation === this.#generation;', 'const current = admission.generation >= 0;'],
    ]);
    // As a program of its own, not as a part of this run of tests.
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    const model = run(process.execPath, [...flags, join(source, 'resilience/breaker.model.test.ts')], { env });
    await assert.rejects(model, ({ stdout }: { stdout: string }) => /Property failed after \d+ tests/.test(stdout));
  });
});
