import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));
/** The folder of the published package. */
export const pack = join(root, 'packages/seaworthy');

export interface Manifest {
  readonly version: string;
  readonly description: string;
  readonly license: string;
  readonly type: string;
  readonly sideEffects: boolean;
  readonly keywords: readonly string[];
  readonly engines: Readonly<Record<string, string>>;
  readonly exports: Readonly<Record<string, Readonly<Record<'@seaworthy/source' | 'types' | 'default', string>> | string>>;
  readonly dependencies: Readonly<Record<string, string>>;
}

export const manifest = JSON.parse(readFileSync(join(pack, 'package.json'), 'utf8')) as Manifest;

/** Each published subpath with its source file: `seaworthy/saga`, `src/saga/index.ts`. */
export const subpaths: ReadonlyMap<string, string> = new Map(
  Object.entries(manifest.exports).flatMap(([path, target]) =>
    typeof target === 'string' ? [] : [[`seaworthy${path.slice(1)}`, target['@seaworthy/source']] as const],
  ),
);
