import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** `npm run bench -- NAME`: installs the peers when they are missing, then runs bench/NAME.ts; with `--save` that rewrites its results, `--rounds N` is for a first look. */
const here = import.meta.dirname;
const [name, ...rest] = process.argv.slice(2);
const known = readdirSync(here)
  .filter((file) => file.endsWith('.ts') && !file.startsWith('harness'))
  .map((file) => file.slice(0, -3));
if (!known.includes(name)) {
  process.stderr.write(`usage: npm run bench -- NAME [--save] [--rounds N], where NAME is one of ${known.join(', ')}\n`);
  process.exit(1);
}
const changed = (path) => (existsSync(join(here, path)) ? statSync(join(here, path)).mtimeMs : 0);
if (changed('node_modules/.package-lock.json') < changed('package-lock.json')) {
  const { status } = spawnSync('npm', ['ci', '--no-audit', '--ignore-scripts'], {
    cwd: here,
    stdio: ['ignore', 'inherit', 'inherit'],
    shell: process.platform === 'win32',
  });
  if (status !== 0) process.exit(status ?? 1);
}
const flags = ['--conditions=@seaworthy/source', '--disable-warning=ExperimentalWarning', '--expose-gc'];
const { status } = spawnSync(process.execPath, [...flags, join(here, `${name}.ts`), ...rest], { stdio: 'inherit' });
process.exit(status ?? 1);
