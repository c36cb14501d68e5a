import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { FleetMissing } from './errors.ts';

interface Project {
  readonly root: string;
  readonly manifest: boolean;
  /** The files of the project are CommonJS: it says so. */
  readonly common: boolean;
  readonly fleet: string | undefined;
}

/** The folder of the nearest package.json above `cwd`, and what it says of the fleet. */
export function project(cwd: string): Project {
  for (let folder = resolve(cwd); ; folder = dirname(folder)) {
    const path = join(folder, 'package.json');
    if (existsSync(path)) {
      let manifest: { readonly type?: unknown; readonly seaworthy?: { readonly fleet?: unknown } };
      try {
        manifest = JSON.parse(readFileSync(path, 'utf8')) as typeof manifest;
      } catch (cause) {
        throw new FleetMissing(`${path} is no JSON (${(cause as Error).message}): correct it, or name the fleet file`, { cause });
      }
      const fleet = manifest?.seaworthy?.fleet;
      return { root: folder, manifest: true, common: manifest?.type === 'commonjs', fleet: typeof fleet === 'string' ? fleet : undefined };
    }
    if (folder === dirname(folder)) return { root: resolve(cwd), manifest: false, common: false, fleet: undefined };
  }
}

const usual = ['fleet', 'src/fleet'].flatMap((name) => ['ts', 'js', 'mts', 'mjs'].map((ending) => `${name}.${ending}`));

/** A path as a person would type it from here. */
export const shortly = (path: string): string => {
  const short = relative(process.cwd(), path);
  return short === '' ? '.' : short.startsWith('..') ? path : short;
};

/** The fleet file of a project by its usual names, if there is one. */
export const usualFleet = (root: string): string | undefined => usual.map((name) => join(root, name)).find((path) => existsSync(path));

/** The fleet file: the one that is named, else the project's. Throws `FleetMissing`, which says where it looked. */
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
    throw new FleetMissing(`the field seaworthy.fleet of ${join(root, 'package.json')} names ${fleet}, which is not there: correct it`);
  }
  const found = usualFleet(root);
  if (found) return found;
  throw new FleetMissing(
    `there is no fleet.ts and no src/fleet.ts in ${root}: name the file, or put \`"seaworthy": { "fleet": "PATH" }\` into package.json`,
  );
}
