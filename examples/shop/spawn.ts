import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** A shop, or a part of it, in its own process. */
export interface SpawnedShop {
  /** The URL of the gateway; empty when it runs elsewhere. */
  readonly url: string;
  /** The URLs of the services that listen, by name. */
  readonly services: Readonly<Record<string, string>>;
  readonly child: ChildProcess;
  /** Resolves with the exit code or the name of the signal once the process has ended. */
  readonly ended: Promise<number | string>;
  /** Sends SIGTERM and waits for the end. */
  stop(): Promise<number | string>;
  /** Sends SIGKILL and waits for the end. */
  kill(): Promise<number | string>;
}

const runner = fileURLToPath(new URL('../../scripts/run.js', import.meta.url));
const program = fileURLToPath(new URL('./main.ts', import.meta.url));

/** Starts the shop on a folder and a free port. Rejects with its output when it ends before it is open. */
export async function spawnShop({ dir, env = {} }: { readonly dir: string; readonly env?: NodeJS.ProcessEnv }): Promise<SpawnedShop> {
  const child = spawn(
    process.execPath,
    // As `npm start` does. On a machine of few cores four threads that collect garbage wait for each other more than they help.
    [
      '--v8-pool-size=1',
      '--max-semi-space-size=2',
      '--max-old-space-size=128',
      '--no-maglev',
      '--conditions=@seaworthy/source',
      runner,
      program,
    ],
    {
      env: { ...process.env, PORT: '0', LOG_LEVEL: 'info', ...env, SEAWORTHY_DIR: dir },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  const ended = new Promise<number | string>((resolve) => child.once('exit', (code, signal) => resolve(signal ?? code ?? 1)));
  let printed = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    printed = (printed + text).slice(-4000);
  });
  const { url, services } = await new Promise<Pick<SpawnedShop, 'url' | 'services'>>((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      printed = `${printed}${line}\n`.slice(-4000);
      const told = (line.startsWith('{') ? JSON.parse(line) : {}) as Partial<SpawnedShop> & { readonly processor?: string };
      if (told.processor !== undefined) resolve({ url: told.url ?? '', services: told.services ?? {} });
    });
    ended.then((how) => reject(new Error(`the shop ended with ${how} before it was open: ${printed}`)));
  });
  return {
    url,
    services,
    child,
    ended,
    stop: () => {
      child.kill('SIGTERM');
      return ended;
    },
    kill: () => {
      child.kill('SIGKILL');
      return ended;
    },
  };
}
