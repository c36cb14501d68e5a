import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root, subpaths } from './manifest.ts';
import { bin, run } from './run.ts';

const quiet = '--disable-warning=ExperimentalWarning';

/** The strict compiler options of a careful user, with the types of the package. */
const tsconfig = {
  compilerOptions: {
    target: 'es2024',
    module: 'nodenext',
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    noPropertyAccessFromIndexSignature: true,
    noEmit: true,
    allowImportingTsExtensions: true,
    types: ['node'],
    typeRoots: [join(root, 'node_modules/@types')],
  },
  include: ['.'],
};

/** Installs the tarball in an empty folder, and uses every subpath there from JavaScript and from TypeScript. */
export function installElsewhere(tarball: string): void {
  const folder = mkdtempSync(join(tmpdir(), 'seaworthy-package-'));
  try {
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'stranger', private: true, type: 'module' }));
    const beside = ['zod', 'pg', 'mysql2'].map((name) => join(root, 'node_modules', name));
    run('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline', tarball, ...beside], folder);
    cpSync(join(root, 'scripts/package/stranger'), folder, { recursive: true });
    const imports = [...subpaths.keys()].map((subpath, index) => `import * as m${index} from '${subpath}';\n`).join('');
    const all = `${imports}export const all: readonly object[] = [${[...subpaths.keys()].map((_, index) => `m${index}`).join(', ')}];\n`;
    writeFileSync(join(folder, 'ts/all.ts'), all);
    writeFileSync(join(folder, 'ts/tsconfig.json'), JSON.stringify(tsconfig));
    run(bin('tsc'), ['-p', 'ts'], folder);
    run(process.execPath, [quiet, 'ts/all.ts'], folder);
    process.stdout.write(run(process.execPath, [quiet, 'js/main.js'], folder));
    process.stdout.write(run(process.execPath, [quiet, 'ts/main.ts'], folder));
    const passed = run(process.execPath, [quiet, '--test', '--test-reporter=spec', 'ts/drivers/*.test.ts'], folder).match(
      /^ℹ pass \d+$/m,
    )?.[0];
    process.stdout.write(`drivers of others: ${passed?.slice(2)}\n`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
