import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from './manifest.ts';
import { run } from './run.ts';

/** The folder of the package with the command. */
export const command = join(root, 'packages/cli');

const fleet = `import { fleet } from 'seaworthy/fleet';
import parcels from './parcels/service.ts';

export default fleet({ services: [parcels] });
`;

/** Installs toolkit and command in an empty folder, where the command makes a service that passes its test, and checks its contract. */
export function useCommand(toolkit: string, cli: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'seaworthy-command-'));
  try {
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'stranger', private: true, type: 'module' }));
    run('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline', toolkit, cli, join(root, 'node_modules/zod')], folder);
    const bin = join(folder, 'node_modules/@seaworthy/cli/bin/seaworthy.js');
    const seaworthy = (...args: string[]): string => run(process.execPath, [bin, ...args], folder);
    const version = seaworthy('--version').trim();
    seaworthy('new', 'parcels');
    run(process.execPath, ['--test', 'parcels/service.test.ts'], folder);
    writeFileSync(join(folder, 'fleet.ts'), fleet);
    seaworthy('contract', 'print', '--lock');
    return `@seaworthy/cli ${version} made a service, which passes its test; ${seaworthy('contract', 'check').trim()}`;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
