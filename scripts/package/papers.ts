import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { pack, root } from './manifest.ts';

/** What is written for users and goes into the package; its own LICENSE is there already. */
const papers = (): readonly string[] =>
  ['README.md', 'CHANGELOG.md', ...globSync('docs/**/*.md', { cwd: root })].map((path) => path.replaceAll('\\', '/'));

/** The page as it is in the package: a link to what is not in there becomes its text. */
export function packed(page: string, text: string, inside: ReadonlySet<string>): string {
  return text.replaceAll(/\[([^\]]+)\]\(([^)\s]+)\)/g, (link, label: string, target: string) => {
    const path = target.split('#')[0] as string;
    if (path === '' || /^[a-z]+:/.test(target) || inside.has(posix.join(posix.dirname(page), path))) return link;
    return label;
  });
}

/** Puts README, change log and docs beside what was built. */
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
