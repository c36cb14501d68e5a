import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { readable, textOf } from 'seaworthy/core';
import { type Launch, launchOf } from 'seaworthy/fleet';
import { FleetUnusable } from './errors.ts';
import { project, shortly } from './fleet-file.ts';

/** What Node says of ESM in a file that it takes for CommonJS, or of imports from such a file. */
const takenForCommon = /outside a module|Unexpected token 'export'|module '\.[^']*\.[jt]s' does not provide an export/;

/** What to do where package.json is the reason; Node's error names neither. */
function remedy(file: string, cause: unknown): string {
  if (!(cause instanceof SyntaxError) || !takenForCommon.test(cause.message)) return '';
  // What is CommonJS by its own name, or is not the user's, stays so.
  if (/\.c[jt]s|node_modules/.test(cause.stack?.split('\n')[0] ?? '')) return '';
  const { root, common } = project(dirname(file));
  if (!common) return '';
  const manifest = shortly(join(root, 'package.json'));
  return `, since ${manifest} says "type": "commonjs": run \`npm pkg set type=module\`, or let the names of the fleet's files end in .mts or .mjs`;
}

/** Loads a fleet file; nothing of it is started. Throws `FleetUnusable` when it cannot be loaded, or exports no fleet. */
export async function load(file: string): Promise<Launch> {
  let exported: { readonly default?: unknown };
  try {
    exported = (await import(pathToFileURL(file).href)) as typeof exported;
  } catch (thrown) {
    const cause = readable(thrown);
    const why = textOf(cause);
    throw new FleetUnusable(`${shortly(file)} cannot be loaded: ${why}${remedy(file, cause)}`, { cause });
  }
  try {
    return await launchOf(exported.default);
  } catch (thrown) {
    const cause = readable(thrown);
    throw new FleetUnusable(`${shortly(file)} gives no fleet: ${textOf(cause)}`, { cause });
  }
}
