import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pack, subpaths } from './manifest.ts';

/** The committed list of everything that the package exports; `npx node scripts/package/exports.ts`, then `npm run fix`, writes it anew. */
const snapshot = fileURLToPath(new URL('exports.json', import.meta.url));

const declared = /^export (?:async )?(?:abstract )?(function|const|class|interface|type) (\w+)/;

function names(list: string, all: 'type ' | ''): readonly string[] {
  const each = list.split(',').map((name) => name.trim());
  return each.filter((name) => name !== '').map((name) => all + name.replace(/^(type )?\w+ as (\w+)$/, '$1$2'));
}

/** What one source file exports, types marked as such, in the order of the alphabet. Throws at an `export` that it cannot read. */
export function exportsOf(source: string, file: string): readonly string[] {
  const found = [...source.matchAll(/^export (?:(?:type )?\{[^}]*\}|.*)/gm)].flatMap(([statement]) => {
    const list = /^export (type )?\{([^}]*)\}/.exec(statement);
    if (list) return names(list[2] as string, list[1] ? 'type ' : '');
    const [, kind, name] = declared.exec(statement) ?? [];
    if (!name) throw new Error(`${file}: an export that is neither a list nor a declaration: ${statement.slice(0, 80)}`);
    return [kind === 'interface' || kind === 'type' ? `type ${name}` : name];
  });
  return [...new Set(found)].sort();
}

/** Lists the exports of every subpath from the sources. */
export const exported = (): Readonly<Record<string, readonly string[]>> =>
  Object.fromEntries([...subpaths].map(([subpath, file]) => [subpath, exportsOf(readFileSync(join(pack, file), 'utf8'), file)]));

/** Reads the committed list. */
export const agreed = (): ReturnType<typeof exported> => JSON.parse(readFileSync(snapshot, 'utf8')) as ReturnType<typeof exported>;

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(snapshot, `${JSON.stringify(exported(), null, 2)}\n`);
