import { existsSync, readFileSync } from 'node:fs';
import { dirname, isAbsolute, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Described, described } from 'seaworthy/core';
import { displayPath } from './fleet-file.ts';

const toolkit = new Set<unknown>(['seaworthy', '@seaworthy/cli']);
const known = new Map<string, boolean>();

/** Tells whether a folder belongs to the toolkit, by its package.json: a linked toolkit is not in a node_modules folder. */
function isToolkit(folder: string): boolean {
  let found = known.get(folder);
  if (found === undefined) {
    found = isNamedToolkit(folder) ?? (folder !== dirname(folder) && isToolkit(dirname(folder)));
    known.set(folder, found);
  }
  return found;
}

/** Tells whether the package.json of a folder names the toolkit; `undefined` when there is none, or it names nothing. */
function isNamedToolkit(folder: string): boolean | undefined {
  const manifest = join(folder, 'package.json');
  if (!existsSync(manifest)) return undefined;
  try {
    const { name } = JSON.parse(readFileSync(manifest, 'utf8')) as { readonly name?: unknown };
    return name === undefined ? undefined : toolkit.has(name);
  } catch {
    return undefined;
  }
}

/** Returns the path of a file; `undefined` for a malformed file URL. */
function pathOf(at: string): string | undefined {
  try {
    return at.startsWith('file:') ? fileURLToPath(at) : at;
  } catch {
    return undefined;
  }
}

/** Reads file, line and column from one line of a stack, if the file belongs to the user. */
function userFrame(line: string, index: number): string | undefined {
  // The forms are `at take (file:///shop/stock.ts:5:1)`, `at async file:///shop/stock.ts:5:1`, and in a syntax error `file:///shop/stock.ts:5`.
  const frame =
    index === 0
      ? /^((?:file:|\/|[A-Za-z]:\\).*?)(:\d+)$/
      : /^\s*at (?!.*\beval at )(?:.*\(|async )?((?:file:|\/|[A-Za-z]:\\).*?)((?::\d+){1,2})\)?$/;
  const [, at, position] = frame.exec(line) ?? [];
  if (at === undefined || position === undefined) return undefined;
  const path = pathOf(at);
  if (path === undefined || !isAbsolute(path) || path.includes(`${sep}node_modules${sep}`) || isToolkit(dirname(path))) return undefined;
  return `${displayPath(path)}${position}`;
}

/** Finds the line in the user's own files at which an error began: the deepest cause that has such a line gives it. */
export function sourceLocation(error: unknown): string | undefined {
  let location: string | undefined;
  for (let one: Described | undefined = error === undefined ? undefined : described(error); one; one = one.cause) {
    const lines = (one.stack ?? '').split('\n');
    location = lines.reduce<string | undefined>((found, line, index) => found ?? userFrame(line, index), undefined) ?? location;
  }
  return location;
}
