import { spawn } from 'node:child_process';
import { surroundings } from './run.ts';

/** A shell that runs commands one after another, like that of a reader. */
export interface Shell {
  /** Runs a command and returns its output. Rejects when it takes longer than five minutes. */
  run(command: string): Promise<{ readonly printed: string; readonly status: number; readonly complained: string }>;
  /** Returns the output of background jobs since the last call, once it satisfies `enough`. */
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
    changed();
  });
  // Jobs have numbers, and process groups of their own that can be killed; they end with their shell, also when its input just ends.
  child.stdin.write("trap 'kill -9 $(jobs -p) 2>/dev/null; wait' EXIT\nset -m\n");

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
      complaints = '';
      child.stdin.write(`${command}\nprintf '<ended with %s>' $?; printf '<ended>' >&2\n`);
      return until(() => {
        const end = /<ended with (\d+)>/.exec(out);
        const last = complaints.indexOf('<ended>');
        if (!end || last < 0) return undefined;
        const printed = out.slice(0, end.index);
        out = out.slice(end.index + end[0].length);
        return { printed, status: Number(end[1]), complained: complaints.slice(0, last) };
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
      child.stdin.end();
      await closed;
    },
  };
}
