import { spawn } from 'node:child_process';
import { join } from 'node:path';
import type { Mutant, Storming } from './mutant.ts';
import type { Field } from './plant.ts';

/** The output of a program and its exit code, which is `undefined` when the program was stopped, once it had printed `last` or after `limitMs`. */
interface Ended {
  readonly code: number | undefined;
  readonly output: string;
}

const limitMs = 300_000;
const flags = ['--conditions=@seaworthy/source', '--disable-warning=ExperimentalWarning'];

/** Runs a program until it ends, prints `last`, or has run for `limitMs`. */
function run(field: Field, args: readonly string[], last?: RegExp): Promise<Ended> {
  // Without this variable the test file runs as a program of its own, and not as a part of the test that plants the slip.
  const { NODE_TEST_CONTEXT: _, ...inherited } = process.env;
  const env = { ...inherited, THOROUGH: '1' };
  const child = spawn(process.execPath, [...flags, ...args], { cwd: field.root, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  let stopped = false;
  const stop = (): void => {
    stopped = true;
    child.kill('SIGKILL');
  };
  const timer = setTimeout(stop, limitMs);
  const hear = (piece: Buffer): void => {
    output += String(piece);
    if (last?.test(output)) stop();
  };
  child.stdout.on('data', hear);
  child.stderr.on('data', hear);
  return new Promise((resolve) => {
    child.once('close', (code) => {
      clearTimeout(timer);
      resolve({ code: stopped ? undefined : (code ?? 1), output });
    });
  });
}

/** The result of the search for a slip. A program that does not run at all has found nothing. */
export type Found =
  | { readonly kind: 'found'; readonly by: string }
  | { readonly kind: 'survived' | 'broken' | 'misplaced'; readonly by: string; readonly output: string };

const failure = /^\s*✖ (.+?) \([\d.]+ms\)$/m;

/** Runs the tests of a slip in a field in which it is planted, until one fails. */
export async function findByTests({ tests }: Mutant, field: Field): Promise<Found> {
  let last: Found = { kind: 'survived', by: 'no test', output: '' };
  for (const file of tests) {
    const { code, output } = await run(field, ['--test-reporter=spec', '--test-timeout=60000', join(field.root, file)], failure);
    const failed = failure.exec(output)?.[1];
    if (failed !== undefined) return { kind: 'found', by: failed };
    if (code !== 0 && /^ℹ (fail|cancelled) [1-9]/m.test(output)) return { kind: 'found', by: 'a test that hangs' };
    last = { kind: code === 0 ? 'survived' : 'broken', by: file, output };
    if (code !== 0) return last;
  }
  return last;
}

/** Runs storms in a field in which a slip is planted, until one fails. */
export async function findByStorm({ over, instances = 1, seeds = 300 }: Storming, field: Field): Promise<Found> {
  const { code, output } = await run(field, [join(field.root, 'scripts/mutants/hunt.ts'), over, String(seeds), String(instances)]);
  const seed = /storm with seed (\d+) failed/.exec(output)?.[1];
  if (seed !== undefined) return { kind: 'found', by: `seed ${seed}` };
  return { kind: code === 0 ? 'survived' : 'broken', by: `${seeds} storms over the ${over}`, output };
}
