import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { pack, root } from './manifest.ts';

/** The documents for users that go into the package, which has its own LICENSE. */
const papers = (): readonly string[] =>
  ['README.md', 'CHANGELOG.md', ...globSync('docs/**/*.md', { cwd: root })].map((path) => path.replaceAll('\\', '/'));

/** Converts a page for the package: a link to a file outside the package becomes its text. */
export function packed(page: string, text: string, inside: ReadonlySet<string>): string {
  return text.replaceAll(/\[([^\]]+)\]\(([^)\s]+)\)/g, (link, label: string, target: string) => {
    const path = target.split('#')[0] as string;
    if (path === '' || /^[a-z]+:/.test(target) || inside.has(posix.join(posix.dirname(page), path))) return link;
    return label;
  });
}

/** Copies README, CHANGELOG and docs to the build. */
export function copyPapers(): void {
  rmSync(join(pack, 'docs'), { recursive: true, force: true });
  const all = papers();
  const inside = new Set([...all, 'LICENSE']);
  for (const page of all) {
    const copy = join(pack, page);
    mkdirSync(dirname(copy), { recursive: true });
    writeFileSync(copy, packed(page, readFileSync(join(root, page), 'utf8'), inside));
  }
}
