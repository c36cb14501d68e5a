import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { pack } from './manifest.ts';

/** What importing a source file costs. */
export interface Size {
  /** Minified and compressed, our own code alone. */
  readonly bytes: number;
  /** The packages and the parts of Node that it loads at once, not those that it imports when they are needed. */
  readonly loads: readonly string[];
  readonly rooms: readonly string[];
}

/** Bundles one source file as a user's bundler would, the dependencies left out. */
export async function sizeOf(file: string): Promise<Size> {
  const { outputFiles, metafile } = await build({
    entryPoints: [join(pack, file)],
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'node',
    packages: 'external',
    outdir: 'out',
    write: false,
    metafile: true,
    logLevel: 'silent',
  });
  const [output] = Object.values(metafile.outputs);
  const foreign = output?.imports.filter(({ external, kind }) => external && kind === 'import-statement').map(({ path }) => path);
  const rooms = Object.keys(metafile.inputs).map((path) => /packages\/seaworthy\/src\/(\w+)\//.exec(`/${path}`)?.[1] ?? path);
  return {
    bytes: gzipSync(outputFiles[0]?.contents ?? '').length,
    loads: [...new Set(foreign)].sort(),
    rooms: [...new Set(rooms)].sort(),
  };
}
