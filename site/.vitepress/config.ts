import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineConfig, type MarkdownRenderer } from 'vitepress';
import { navigation } from '../navigation.ts';

/** What `run.js` has brought together: the repository's own pages, nothing is written twice. */
const pages = join(import.meta.dirname, '../pages');

const item = (page: string) => ({
  text: /^# (.*)$/m.exec(readFileSync(join(pages, page), 'utf8'))?.[1] ?? page,
  link: `/${page.replace(/\.md$/, '')}`,
});

/** Anchors as the repository's own pages name them, so that one link works in both places. */
const slugify = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\w\- ]/g, '')
    .replaceAll(' ', '-');

/** A block of mermaid becomes the component that draws it; a repository's browser draws the block by itself. */
function diagrams(md: MarkdownRenderer): void {
  const fence = md.renderer.rules.fence;
  md.renderer.rules.fence = (tokens, index, ...rest) => {
    const { info, content } = tokens[index] as (typeof tokens)[number];
    if (info.trim() === 'mermaid') return `<Diagram source="${encodeURIComponent(content)}" />`;
    return fence?.(tokens, index, ...rest) ?? '';
  };
}

export default defineConfig({
  title: 'Seaworthy',
  description: 'Microservices that hold up: contracts, resilient calls, outbox and inbox, sagas with compensation, and a gateway.',
  srcDir: 'pages',
  markdown: { anchor: { slugify }, toc: { slugify }, config: diagrams },
  vite: { build: { target: 'es2022' } },
  themeConfig: {
    nav: Object.entries(navigation).map(([text, all]) => ({ text, link: item(all[0] as string).link })),
    sidebar: Object.entries(navigation).map(([text, all]) => ({ text, items: all.map(item) })),
    outline: { level: [2, 3] },
    search: { provider: 'local' },
    docFooter: { prev: 'Previous', next: 'Next' },
  },
});
