import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Builds the package, packs it, and checks the tarball as a stranger would meet it. With `--check`; without, builds only. */
const root = fileURLToPath(new URL('..', import.meta.url));
const pack = join(root, 'packages/seaworthy');
const bin = (name: string): string => join(root, 'node_modules/.bin', name);

function run(command: string, args: readonly string[], cwd: string): string {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8', shell: process.platform === 'win32' });
  if (status === 0) return stdout;
  throw new Error(`${command} ${args.join(' ')} ended with ${status}:\n${stdout}${stderr}`);
}

function compile(): void {
  rmSync(join(pack, 'dist'), { recursive: true, force: true });
  const config = join(pack, 'tsconfig.build.json');
  writeFileSync(
    config,
    JSON.stringify({
      extends: '../../tsconfig.json',
      compilerOptions: {
        noEmit: false,
        rootDir: 'src',
        outDir: 'dist',
        declaration: true,
        rewriteRelativeImportExtensions: true,
        customConditions: [],
      },
      include: ['src'],
      exclude: ['src/**/*.test.ts', 'src/**/*.test-d.ts', 'src/**/conformance.ts', 'src/**/conformance'],
    }),
  );
  try {
    run(bin('tsc'), ['-p', config], root);
  } finally {
    rmSync(config);
  }
}

interface Manifest {
  readonly exports: Readonly<Record<string, unknown>>;
}

/** Installs the tarball in an empty folder elsewhere; imports every subpath there, from JavaScript and from TypeScript. */
function installElsewhere(tarball: string): void {
  const folder = mkdtempSync(join(tmpdir(), 'seaworthy-package-'));
  try {
    const { exports } = JSON.parse(readFileSync(join(pack, 'package.json'), 'utf8')) as Manifest;
    const subpaths = Object.keys(exports)
      .filter((path) => path !== './package.json')
      .map((path) => `seaworthy${path.slice(1)}`);
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'stranger', private: true, type: 'module' }));
    run('npm', ['install', '--no-audit', '--no-fund', tarball, join(root, 'node_modules/zod')], folder);
    const imports = subpaths.map((path, index) => `import * as m${index} from '${path}';`).join('\n');
    const shown = subpaths.map((path, index) => `['${path}', Object.keys(m${index}).length]`).join(', ');
    writeFileSync(
      join(folder, 'all.js'),
      `${imports}\nconst all = [${shown}];\nconsole.log(all.map(([path, names]) => path + ' ' + names).join('\\n'));\n`,
    );
    process.stdout.write(run(process.execPath, ['--disable-warning=ExperimentalWarning', 'all.js'], folder));
    mkdirSync(join(folder, 'ts'));
    writeFileSync(
      join(folder, 'ts/typed.ts'),
      `${imports}
import { command, contract } from 'seaworthy/contract';
import { policy, retry } from 'seaworthy/resilience';
import { z } from 'zod';
export const desk = contract('desk', { write: command({ http: 'PUT /notes/{id}', input: z.object({ id: z.string() }) }) });
export const one: Promise<number> = policy(retry())(async () => 1);
// @ts-expect-error the path names a field that the input lacks
command({ http: 'PUT /notes/{no}', input: z.object({ id: z.string() }) });
export const all = [${subpaths.map((_, index) => `m${index}`).join(', ')}];
`,
    );
    const options = {
      target: 'es2024',
      lib: ['es2024'],
      module: 'nodenext',
      strict: true,
      noEmit: true,
      types: ['node'],
      typeRoots: [join(root, 'node_modules/@types')],
    };
    writeFileSync(join(folder, 'ts/tsconfig.json'), JSON.stringify({ compilerOptions: options, include: ['.'] }));
    run(bin('tsc'), ['-p', 'ts'], folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

compile();
if (process.argv.includes('--check')) {
  const [{ filename }] = JSON.parse(run('npm', ['pack', '--json'], pack)) as [{ filename: string }];
  const tarball = join(pack, filename);
  try {
    run(bin('publint'), ['run', tarball, '--strict'], pack);
    run(bin('attw'), [tarball, '--profile', 'esm-only'], pack);
    installElsewhere(tarball);
    process.stdout.write('the package is built, linted, typed and installed elsewhere\n');
  } finally {
    rmSync(tarball, { force: true });
  }
} else process.stdout.write('built packages/seaworthy/dist\n');
