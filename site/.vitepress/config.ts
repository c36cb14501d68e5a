import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineConfig } from 'vitepress';
import { navigation } from '../navigation.ts';

/** What `run.js` has brought together: the repository's own pages, nothing is written twice. */
const pages = join(import.meta.dirname, '../pages');

const item = (page: string) => ({
  text: /^# (.*)$/m.exec(readFileSync(join(pages, page), 'utf8'))?.[1] ?? page,
  link: page === 'README.md' ? '/' : `/${page.replace(/\.md$/, '')}`,
});

/** Anchors as the repository's own pages name them, so that one link works in both places. */
const slugify = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\w\- ]/g, '')
    .replaceAll(' ', '-');

export default defineConfig({
  title: 'Seaworthy',
  description: 'Microservices that hold up: contracts, resilient calls, outbox and inbox, sagas with compensation, and a gateway.',
  srcDir: 'pages',
  rewrites: { 'README.md': 'index.md' },
  markdown: { anchor: { slugify }, toc: { slugify } },
  vite: { build: { target: 'es2022' } },
  themeConfig: {
    sidebar: Object.entries(navigation).map(([text, all]) => ({ text, items: all.map(item) })),
    outline: { level: [2, 3] },
    search: { provider: 'local' },
    docFooter: { prev: 'Before', next: 'Next' },
  },
});
