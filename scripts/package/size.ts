import { join, resolve } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { pack } from './manifest.ts';

/** The cost of importing a source file. */
export interface Size {
  /** The size of the toolkit's own code, minified and compressed. */
  readonly bytes: number;
  /** The packages and the parts of Node that it loads at once, not those that it imports when they are needed. */
  readonly loads: readonly string[];
  readonly modules: readonly string[];
}

/** Bundles one source file without its dependencies, as a user's bundler would. */
export async function sizeOf(file: string): Promise<Size> {
  const { outputFiles, metafile } = await build({
    entryPoints: [join(pack, file)],
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'node',
    packages: 'external',
    splitting: true,
    outdir: 'out',
    write: false,
    metafile: true,
    logLevel: 'silent',
  });
  const { outputs } = metafile;
  const atOnce = (path: string): readonly string[] =>
    (outputs[path]?.imports ?? [])
      .filter(({ kind }) => kind === 'import-statement')
      .flatMap(({ external, path: next }) => (external ? [next] : atOnce(next)));
  const entry = Object.keys(outputs).find((path) => resolve(outputs[path]?.entryPoint ?? '') === join(pack, file));
  const foreign = entry === undefined ? [] : atOnce(entry);
  const modules = Object.keys(metafile.inputs).map((path) => /packages\/seaworthy\/src\/(\w+)\//.exec(`/${path}`)?.[1] ?? path);
  return {
    bytes: gzipSync(Buffer.concat(outputFiles.map(({ contents }) => contents))).length,
    loads: [...new Set(foreign)].sort(),
    modules: [...new Set(modules)].sort(),
  };
}
