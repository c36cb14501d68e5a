import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { FleetMissing } from './errors.ts';

interface Project {
  readonly root: string;
  readonly manifest: boolean;
  /** Whether package.json has `"type": "commonjs"`. */
  readonly common: boolean;
  readonly fleet: string | undefined;
}

/** Finds the nearest package.json in or above `cwd`, and reads its entry for the fleet. */
export function project(cwd: string): Project {
  for (let folder = resolve(cwd); ; folder = dirname(folder)) {
    const path = join(folder, 'package.json');
    if (existsSync(path)) {
      let manifest: { readonly type?: unknown; readonly seaworthy?: { readonly fleet?: unknown } };
      try {
        manifest = JSON.parse(readFileSync(path, 'utf8')) as typeof manifest;
      } catch (cause) {
        throw new FleetMissing(`${path} is not JSON (${(cause as Error).message}): correct it, or name the fleet file`, { cause });
      }
      const fleet = manifest?.seaworthy?.fleet;
      return { root: folder, manifest: true, common: manifest?.type === 'commonjs', fleet: typeof fleet === 'string' ? fleet : undefined };
    }
    if (folder === dirname(folder)) return { root: resolve(cwd), manifest: false, common: false, fleet: undefined };
  }
}

const usual = ['fleet', 'src/fleet'].flatMap((name) => ['ts', 'js', 'mts', 'mjs'].map((ending) => `${name}.${ending}`));

/** Formats a path as a person would type it in the current folder. */
export const displayPath = (path: string): string => {
  const short = relative(process.cwd(), path);
  return short === '' ? '.' : short.startsWith('..') ? path : short;
};

/** Finds the fleet file of a project by its usual names; `undefined` if there is none. */
export const usualFleet = (root: string): string | undefined => usual.map((name) => join(root, name)).find((path) => existsSync(path));

/** Finds the fleet file: the named one, or else the project's. Throws `FleetMissing`, which says where it looked. */
export function locate(given: string | undefined, cwd = process.cwd()): string {
  if (given !== undefined) {
    const path = resolve(cwd, given);
    if (existsSync(path)) return path;
    throw new FleetMissing(`there is no file ${path}: name the file whose default export is the fleet`);
  }
  const { root, fleet } = project(cwd);
  if (fleet !== undefined) {
    const path = join(root, fleet);
    if (existsSync(path)) return path;
    throw new FleetMissing(`the field seaworthy.fleet of ${join(root, 'package.json')} names ${fleet}, which does not exist: correct it`);
  }
  const found = usualFleet(root);
  if (found) return found;
  throw new FleetMissing(
    `there is no fleet.ts and no src/fleet.ts in ${root}: name the file, or put \`"seaworthy": { "fleet": "PATH" }\` into package.json`,
  );
}
