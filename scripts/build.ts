import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { command, useCommand } from './package/command.ts';
import { pack, root } from './package/manifest.ts';
import { copyPapers } from './package/papers.ts';
import { bin, run } from './package/run.ts';
import { installElsewhere } from './package/stranger.ts';
import { packedFiles } from './package/tarball.ts';
import { followTutorial } from './package/tutorial.ts';

/** The cases and values that only the tests of the package need. */
const ownSuites = ['src/core/conformance', 'src/contract/conformance', 'src/outbox/conformance', 'src/outbox/conformance.ts'];

/** Builds both packages. With `--check` it also packs them and uses the tarballs as a new user would. */
function compile(pack: string): void {
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
        declarationMap: true,
        sourceMap: true,
        rewriteRelativeImportExtensions: true,
        customConditions: [],
      },
      include: ['src'],
      exclude: ['src/**/*.test.ts', 'src/**/*.test-d.ts', 'src/**/*.fixture.ts', ...ownSuites],
    }),
  );
  try {
    run(bin('tsc'), ['-p', config], root);
  } finally {
    rmSync(config);
  }
}

async function check(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'seaworthy-tarball-'));
  const said = (line: string): void => void process.stdout.write(`${line}\n`);
  try {
    const [{ filename, files, size }] = JSON.parse(run('npm', ['pack', '--json', '--pack-destination', folder], pack)) as [
      { filename: string; files: readonly { readonly path: string }[]; size: number },
    ];
    const tarball = join(folder, filename);
    packedFiles(files.map(({ path }) => path));
    said(`packed: ${files.length} files, ${Math.round(size / 1000)} kB`);
    run(bin('publint'), ['run', tarball, '--strict'], pack);
    run(bin('attw'), [tarball, '--profile', 'esm-only'], pack);
    said('publint and attw have nothing to say');
    installElsewhere(tarball);
    const [cli] = JSON.parse(run('npm', ['pack', '--json', '--pack-destination', folder], command)) as [{ filename: string }];
    // The command exports no types that attw could check.
    run(bin('publint'), ['run', join(folder, cli.filename), '--strict'], command);
    said(useCommand(tarball, join(folder, cli.filename)));
    said(await followTutorial(tarball, join(folder, cli.filename)));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

for (const one of [pack, command]) compile(one);
copyPapers();
if (process.argv.includes('--check')) await check();
else process.stdout.write('built packages/seaworthy and packages/cli\n');
