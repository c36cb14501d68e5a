import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** `npm run bench -- NAME`: installs the peers when they are missing, then runs bench/NAME.ts; with `--save` that rewrites its results. */
const here = import.meta.dirname;
const [name, ...rest] = process.argv.slice(2);
const known = readdirSync(here)
  .filter((file) => file.endsWith('.ts') && !file.startsWith('harness'))
  .map((file) => file.slice(0, -3));
if (!known.includes(name)) {
  process.stderr.write(`usage: npm run bench -- NAME [--save], where NAME is one of ${known.join(', ')}\n`);
  process.exit(1);
}
if (!existsSync(join(here, 'node_modules'))) {
  const { status } = spawnSync('npm', ['ci', '--no-audit'], {
    cwd: here,
    stdio: ['ignore', 'inherit', 'inherit'],
    shell: process.platform === 'win32',
  });
  if (status !== 0) process.exit(status ?? 1);
}
const flags = ['--conditions=@seaworthy/source', '--disable-warning=ExperimentalWarning', '--expose-gc'];
const { status } = spawnSync(process.execPath, [...flags, join(here, `${name}.ts`), ...rest], { stdio: 'inherit' });
process.exit(status ?? 1);
