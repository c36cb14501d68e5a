import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { root } from './manifest.ts';

export const bin = (name: string): string => join(root, 'node_modules/.bin', name);

/**
 * This Node, and whoever else asks for `node`, are the same; nothing of the workspace's own settings goes along. npm
 * would wait five minutes for a registry that has fallen silent.
 */
export const surroundings = (): NodeJS.ProcessEnv => ({
  npm_config_fetch_timeout: '30000',
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_(?!config_)|^NODE_OPTIONS$/i.test(name))),
  PATH: `${dirname(process.execPath)}${process.platform === 'win32' ? ';' : ':'}${process.env['PATH']}`,
});

/** Runs a command and returns its output. Throws with the whole output when the command fails. */
export function run(command: string, args: readonly string[], cwd: string): string {
  const options = { cwd, encoding: 'utf8', env: surroundings(), shell: process.platform === 'win32' } as const;
  const { status, stdout, stderr } = spawnSync(command, args, options);
  if (status === 0) return stdout;
  throw new Error(`${command} ${args.join(' ')} ended with ${status}:\n${stdout}${stderr}`);
}
