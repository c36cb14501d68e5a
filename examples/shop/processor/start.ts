import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** The card processor, running in its own process. */
export interface RunningProcessor {
  readonly url: string;
  stop(): Promise<void>;
}

const runner = fileURLToPath(new URL('../../../scripts/run.js', import.meta.url));
const program = fileURLToPath(new URL('./main.ts', import.meta.url));

/** Starts the card processor as a child process, which ends whenever this process ends. */
export async function startProcessor({ dir }: { readonly dir: string }): Promise<RunningProcessor> {
  // It is a small program: code of the middle tier would take 9 MB and save it no time. `npm run prepare` warms it so, too.
  const flags = ['--max-semi-space-size=1', '--max-old-space-size=32', '--no-maglev'];
  const child: ChildProcess = spawn(process.execPath, [...flags, runner, program, dir], {
    stdio: ['pipe', 'pipe', 'inherit'],
    // One heap arena, for the same reason.
    env: { ...process.env, MALLOC_ARENA_MAX: '1' },
  });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const port = await new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`the card processor ended with ${code} before it listened`)));
    createInterface({ input: child.stdout as NodeJS.ReadableStream }).once('line', (line) =>
      resolve((JSON.parse(line) as { listening: number }).listening),
    );
  });
  return {
    url: `http://127.0.0.1:${port}`,
    async stop() {
      child.stdin?.end();
      await ended;
    },
  };
}
