import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, globSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { brokenDiagrams } from './diagrams.js';

/**
 * `npm run site`: installs what builds it when that is missing, brings the pages together, parses their diagrams,
 * builds, and looks for what would be loaded from elsewhere. With `--serve` it then serves the site on this machine.
 */
const here = import.meta.dirname;
const root = join(here, '..');
const pages = join(here, 'pages');
const dist = join(here, '.vitepress/dist');

function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}

function run(command, args) {
  const { status, signal, error } = spawnSync(command, args, {
    cwd: here,
    stdio: ['ignore', 'inherit', 'inherit'],
    shell: process.platform === 'win32',
  });
  if (status !== 0) fail(`${command} ${args.join(' ')} ended with ${error?.message ?? signal ?? status}`);
}
const vitepress = (...args) => run(process.execPath, [join(here, 'node_modules/vitepress/bin/vitepress.js'), ...args]);

const mermaid = join(here, 'node_modules/@mermaid-js/tiny');
const renderer = join(mermaid, 'dist/mermaid.tiny.js');
if (!existsSync(renderer)) run('npm', ['ci', '--no-audit']);

for (const folder of [pages, dist]) rmSync(folder, { recursive: true, force: true });
function bring(from, page) {
  mkdirSync(dirname(join(pages, page)), { recursive: true });
  copyFileSync(from, join(pages, page));
}
for (const page of ['README.md', 'CHANGELOG.md', 'CONTRIBUTING.md', ...globSync('docs/**/*.md', { cwd: root })])
  bring(join(root, page), page);
// A page like any other, so that the link to it leads somewhere.
bring(join(root, 'LICENSE'), 'LICENSE.md');
bring(join(here, 'home.md'), 'index.md');
bring(renderer, 'public/mermaid.js');
bring(join(mermaid, 'LICENSE'), 'public/mermaid.LICENSE.txt');

const broken = await brokenDiagrams(renderer, pages);
if (broken.length > 0) fail(`diagrams that cannot be parsed:\n${broken.join('\n')}`);
vitepress('build', here);

// A link to elsewhere is the reader's choice; a script, a style, a font or a picture from elsewhere is not.
const loaded = /(?:<(?:script|img|iframe|source)\b[^>]*\bsrc=|<link\b[^>]*\bhref=|@import\s*|url\()["']?(?:https?:)?\/\/[^\s"')>]+/g;
const foreign = globSync('**/*.{html,css}', { cwd: dist }).flatMap((file) =>
  [...readFileSync(join(dist, file), 'utf8').matchAll(loaded)].map(([what]) => `${file}: ${what}`),
);
if (foreign.length > 0) fail(`the site would load from elsewhere:\n${foreign.join('\n')}`);
const built = globSync('**/*.html', { cwd: dist }).length;
process.stdout.write(`${built} pages in site/.vitepress/dist, and nothing is loaded from elsewhere\n`);
if (process.argv.includes('--serve')) vitepress('preview', here);
else process.stdout.write('npm run site -- --serve shows them at http://localhost:4173\n');
