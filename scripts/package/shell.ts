import { spawn } from 'node:child_process';
import { surroundings } from './run.ts';

/** One shell that runs commands one after another, as a reader's does. */
export interface Shell {
  /** What a command prints, once it is over. Rejects when it takes longer than five minutes. */
  run(command: string): Promise<{ readonly printed: string; readonly status: number; readonly complained: string }>;
  /** What came from commands in the background since the last call, once it satisfies `enough`. */
  background(enough: (printed: string) => boolean): Promise<string>;
  close(): Promise<void>;
}

const limitMs = 300_000;

export function shell(cwd: string, env: Readonly<Record<string, string>>): Shell {
  const child = spawn('bash', ['--noprofile', '--norc'], { cwd, env: { ...surroundings(), ...env } });
  let out = '';
  let complaints = '';
  let changed = (): void => {};
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    out += chunk;
    changed();
  });
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    complaints += chunk;
  });
  // Jobs have numbers, and process groups of their own that can be killed.
  child.stdin.write('set -m\n');

  function until<T>(found: () => T | undefined, what: string): Promise<T> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${what} took longer than five minutes; so far:\n${out}${complaints}`)), limitMs);
      changed = () => {
        const value = found();
        if (value === undefined) return;
        clearTimeout(timer);
        changed = () => {};
        resolve(value);
      };
      changed();
    });
  }

  return {
    run(command) {
      const said = complaints.length;
      child.stdin.write(`${command}\nprintf '<ended with %s>' $?\n`);
      return until(() => {
        const end = /<ended with (\d+)>/.exec(out);
        if (!end) return undefined;
        const printed = out.slice(0, end.index);
        out = out.slice(end.index + end[0].length);
        return { printed, status: Number(end[1]), complained: complaints.slice(said) };
      }, command);
    },
    background: (enough) =>
      until(() => {
        if (!enough(out)) return undefined;
        const printed = out;
        out = '';
        return printed;
      }, 'what runs in the background'),
    async close() {
      const closed = new Promise((resolve) => child.once('close', resolve));
      child.stdin.end('kill -9 $(jobs -p) 2>/dev/null\nwait\nexit 0\n');
      await closed;
    },
  };
}
