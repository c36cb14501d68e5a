import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { readable, textOf } from 'seaworthy/core';
import { type Launch, launchOf } from 'seaworthy/fleet';
import { FleetUnusable } from './errors.ts';
import { displayPath, project } from './fleet-file.ts';

/** The messages of Node about ESM in a file that it takes for CommonJS, or about imports from such a file. */
const takenForCommon = /outside a module|Unexpected token 'export'|module '\.[^']*\.[jt]s' does not provide an export/;

/** Returns the advice for an error whose reason is package.json, which Node's own message does not name. */
function remedy(file: string, cause: unknown): string {
  if (!(cause instanceof SyntaxError) || !takenForCommon.test(cause.message)) return '';
  // The type in package.json has no effect on a file named .cjs or .cts, and packages have their own.
  if (/\.c[jt]s|node_modules/.test(cause.stack?.split('\n')[0] ?? '')) return '';
  const { root, common } = project(dirname(file));
  if (!common) return '';
  const manifest = displayPath(join(root, 'package.json'));
  return `, because ${manifest} has "type": "commonjs": run \`npm pkg set type=module\`, or name the files of the fleet .mts or .mjs`;
}

/** Loads a fleet file without starting anything. Throws `FleetUnusable` when it cannot be loaded, or does not export a fleet. */
export async function load(file: string): Promise<Launch> {
  let exported: { readonly default?: unknown };
  try {
    exported = (await import(pathToFileURL(file).href)) as typeof exported;
  } catch (thrown) {
    const cause = readable(thrown);
    const why = textOf(cause);
    throw new FleetUnusable(`${displayPath(file)} cannot be loaded: ${why}${remedy(file, cause)}`, { cause });
  }
  try {
    return await launchOf(exported.default);
  } catch (thrown) {
    const cause = readable(thrown);
    throw new FleetUnusable(`${displayPath(file)} does not export a fleet: ${textOf(cause)}`, { cause });
  }
}
