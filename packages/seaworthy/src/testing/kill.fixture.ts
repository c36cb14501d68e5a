import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Clock, systemClock } from '../core/clock.ts';
import { sleep } from '../core/sleep.ts';

const speed = 20;

/** A clock that is the same in every process, and twenty times as fast: the leases of the dead are over soon. */
export const fastClock: Clock & { advance(ms: number): Promise<void> } = {
  now: () => systemClock.now() * speed,
  monotonic: () => systemClock.monotonic() * speed,
  after: (ms, run, options) => systemClock.after(ms / speed, run, options),
  advance: (ms) => sleep(systemClock, ms / speed),
};

/** The variable in which a process that is to be killed finds what it plays. */
const variable = 'SEAWORTHY_KILL_TEST';

/** Runs one process on the folder. Resolves with its signal, such as `SIGKILL`, or with its code, such as `exit 0`. */
export type Live<P> = (play: P) => Promise<string>;

export interface KillTest<P> {
  readonly name: string;
  readonly body: (dir: string, live: Live<P>) => Promise<void>;
}

/**
 * Makes a test file a program as well. In a process that a test starts by `live`, `program` runs on the test's folder, in place of
 * the tests. The folder outlives each of the processes.
 */
export async function killTests<P>(
  file: string,
  program: (dir: string, play: P) => Promise<void>,
  tests: readonly KillTest<P>[],
): Promise<void> {
  const given = process.env[variable];
  if (given !== undefined) {
    const { dir, play } = JSON.parse(given) as { readonly dir: string; readonly play: P };
    return program(dir, play);
  }
  const flags = process.execArgv.filter((flag) => !flag.startsWith('--test'));
  for (const { name, body } of tests)
    test(name, { timeout: 120_000 }, async (t) => {
      const dir = mkdtempSync(join(tmpdir(), 'seaworthy-kill-'));
      t.after(() => rmSync(dir, { recursive: true, force: true }));
      await body(dir, async (play) => {
        const env = { ...process.env, [variable]: JSON.stringify({ dir, play }) };
        const child = spawn(process.execPath, [...flags, file], { env, stdio: ['ignore', 'inherit', 'inherit'] });
        const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
        return signal ?? `exit ${code}`;
      });
    });
}
