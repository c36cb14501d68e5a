import { existsSync, readFileSync } from 'node:fs';
import { dirname, isAbsolute, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Described, described } from 'seaworthy/core';
import { shortly } from './fleet-file.ts';

const toolkit = new Set<unknown>(['seaworthy', '@seaworthy/cli']);
const known = new Map<string, boolean>();

/** Whether a folder is of the toolkit, wherever that is: one that is linked is in no node_modules. */
function isToolkit(folder: string): boolean {
  let found = known.get(folder);
  if (found === undefined) {
    found = nameOf(folder) ?? (folder !== dirname(folder) && isToolkit(dirname(folder)));
    known.set(folder, found);
  }
  return found;
}

/** `undefined` where no package.json names a package. */
function nameOf(folder: string): boolean | undefined {
  const manifest = join(folder, 'package.json');
  if (!existsSync(manifest)) return undefined;
  try {
    const { name } = JSON.parse(readFileSync(manifest, 'utf8')) as { readonly name?: unknown };
    return name === undefined ? undefined : toolkit.has(name);
  } catch {
    return undefined;
  }
}

/** `undefined` for what only looks like a file's URL. */
function pathOf(at: string): string | undefined {
  try {
    return at.startsWith('file:') ? fileURLToPath(at) : at;
  } catch {
    return undefined;
  }
}

/** File, line and column of one line of a stack, in a file that the user wrote. */
function ownPlace(line: string, index: number): string | undefined {
  // `at take (file:///shop/stock.ts:5:1)`, `at async file:///shop/stock.ts:5:1`, and above a mistake in syntax `file:///shop/stock.ts:5`.
  const frame =
    index === 0
      ? /^((?:file:|\/|[A-Za-z]:\\).*?)(:\d+)$/
      : /^\s*at (?!.*\beval at )(?:.*\(|async )?((?:file:|\/|[A-Za-z]:\\).*?)((?::\d+){1,2})\)?$/;
  const [, at, position] = frame.exec(line) ?? [];
  if (at === undefined || position === undefined) return undefined;
  const path = pathOf(at);
  if (path === undefined || !isAbsolute(path) || path.includes(`${sep}node_modules${sep}`) || isToolkit(dirname(path))) return undefined;
  return `${shortly(path)}${position}`;
}

/** Where in the user's own files an error came from: in that of its causes which is nearest to the beginning of it all. */
export function placeOf(error: unknown): string | undefined {
  let place: string | undefined;
  for (let one: Described | undefined = error === undefined ? undefined : described(error); one; one = one.cause) {
    const lines = (one.stack ?? '').split('\n');
    place = lines.reduce<string | undefined>((found, line, index) => found ?? ownPlace(line, index), undefined) ?? place;
  }
  return place;
}
