import { existsSync, globSync, mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { getCompileCacheDir } from 'node:module';
import { dirname } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { fileURLToPath } from 'node:url';

/** Runs all tests, or those whose path contains one of the arguments. */
const root = fileURLToPath(new URL('..', import.meta.url));
const wanted = process.argv.slice(2);
/**
 * What takes longest begins first: at the end of the run it would leave one core idle. Those that mostly wait, for an engine or a timeout,
 * are among those that compute.
 */
const longest = [
  ...['outbox/mysql', 'docs/samples', 'shop/crash/crash', 'outbox/postgres', 'testing/storm', 'shop/shop', 'outbox/outbox', 'verbs/start'],
  ...['service/undo', 'bus/drivers/drivers', 'verbs/new', 'mutants/mutants', 'shop/storm/storm', 'outbox/crash', 'outbox/kill'],
].map((path) => `/${path}.test.ts`);
const rank = (file: string): number => {
  const found = longest.findIndex((path) => `/${file}`.endsWith(path));
  return found < 0 ? longest.length : found;
};
const files = globSync(['packages/*/{src,templates}/**/*.test.ts', '{examples,scripts,lint,docs,ops}/**/*.test.ts', 'bench/*.test.ts'], {
  cwd: root,
})
  .filter((file) => !file.includes('node_modules') && (wanted.length === 0 || wanted.some((part) => file.includes(part))))
  .sort((one, other) => rank(one) - rank(other) || (one < other ? -1 : 1));
const roomOf = (folder: string): number => {
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize;
};
if (files.length === 0) {
  process.stderr.write(`no test file has ${wanted.join(' or ')} in its path\n`);
  process.exit(1);
}
// What tests write must outlive the death of a process, not a loss of power: in memory, where there is room, no commit waits for a disk.
const memory = '/dev/shm';
if (process.env['TMPDIR'] === undefined && existsSync(memory) && roomOf(memory) > 1e9) {
  const own = mkdtempSync(`${memory}/seaworthy-tests-`);
  process.env['TMPDIR'] = own;
  process.on('exit', () => rmSync(own, { recursive: true, force: true }));
}
// All processes and their children share one cache of stripped and compiled code.
const compiled = getCompileCacheDir();
if (compiled !== undefined) process.env['NODE_COMPILE_CACHE'] = dirname(compiled);
run({
  cwd: root,
  files: files.map((file) => `${root}${file}`),
  concurrency: 4,
  // A test that waits for ever fails by its name; what it left open does not hold up the run for ever.
  timeout: 120_000,
  signal: AbortSignal.timeout(600_000),
  execArgv: ['--conditions=@seaworthy/source', '--disable-warning=ExperimentalWarning'],
})
  .on('test:fail', ({ todo }) => {
    if (todo === undefined || todo === false) process.exitCode = 1;
  })
  .compose(new spec())
  .pipe(process.stdout);
