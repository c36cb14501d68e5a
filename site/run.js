import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, globSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** `npm run site`: installs what builds it when that is missing, brings the pages together, builds, and looks for what would be loaded from elsewhere. */
const here = import.meta.dirname;
const root = join(here, '..');
const pages = join(here, 'pages');
const dist = join(here, '.vitepress/dist');

function run(command, args) {
  const { status, signal, error } = spawnSync(command, args, {
    cwd: here,
    stdio: ['ignore', 'inherit', 'inherit'],
    shell: process.platform === 'win32',
  });
  if (status === 0) return;
  process.stderr.write(`${command} ${args.join(' ')} ended with ${error?.message ?? signal ?? status}\n`);
  process.exit(status ?? 1);
}

if (!existsSync(join(here, 'node_modules'))) run('npm', ['ci', '--no-audit']);

for (const folder of [pages, dist]) rmSync(folder, { recursive: true, force: true });
for (const page of ['README.md', 'CHANGELOG.md', 'CONTRIBUTING.md', ...globSync('docs/**/*.md', { cwd: root })]) {
  mkdirSync(dirname(join(pages, page)), { recursive: true });
  copyFileSync(join(root, page), join(pages, page));
}
// A page like any other, so that the link to it leads somewhere.
copyFileSync(join(root, 'LICENSE'), join(pages, 'LICENSE.md'));
run(process.execPath, [join(here, 'node_modules/vitepress/bin/vitepress.js'), 'build', here]);

// A link to elsewhere is the reader's choice; a script, a style, a font or a picture from elsewhere is not.
const loaded = /(?:<(?:script|img|iframe|source)\b[^>]*\bsrc=|<link\b[^>]*\bhref=|@import\s*|url\()["']?(?:https?:)?\/\/[^\s"')>]+/g;
const foreign = globSync('**/*.{html,css}', { cwd: dist }).flatMap((file) =>
  [...readFileSync(join(dist, file), 'utf8').matchAll(loaded)].map(([what]) => `${file}: ${what}`),
);
if (foreign.length > 0) {
  process.stderr.write(`the site would load from elsewhere:\n${foreign.join('\n')}\n`);
  process.exit(1);
}
const built = globSync('**/*.html', { cwd: dist }).length;
process.stdout.write(`${built} pages in site/.vitepress/dist, and nothing is loaded from elsewhere\n`);
