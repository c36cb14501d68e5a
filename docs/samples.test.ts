import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { after, describe, test } from 'node:test';
import { promisify } from 'node:util';

const run = promisify(execFile);
const root = resolve(import.meta.dirname, '..');
const folder = join(import.meta.dirname, `.samples-${process.pid}`);
after(() => rmSync(folder, { recursive: true, force: true }));

interface Sample {
  readonly page: string;
  readonly file: string;
  readonly code: string;
}

function samplesOf(page: string): readonly Sample[] {
  const blocks = [...readFileSync(join(root, page), 'utf8').matchAll(/^```ts\n([\s\S]*?)^```$/gm)];
  return blocks.map(([, code], index) => ({
    page,
    file: `${page.replaceAll(/\W+/g, '-')}-${index + 1}.ts`,
    code: code as string,
  }));
}

/** A part of a program that is whole elsewhere on these pages: it is checked and run there. */
const excerptsOf = (page: string): readonly string[] =>
  [...readFileSync(join(root, page), 'utf8').matchAll(/^```ts excerpt\n([\s\S]*?)^```$/gm)].map(([, code]) => code as string);

/** Lines without the indentation that they have in common. */
function flush(code: string): string {
  const lines = code.split('\n');
  const indents = lines.filter((line) => line.trim() !== '').map((line) => line.length - line.trimStart().length);
  return lines.map((line) => line.slice(Math.min(...indents))).join('\n');
}

const pages = ['README.md', ...globSync('docs/**/*.md', { cwd: root }).sort()];
/** The tutorial's files and commands are followed as a whole (scripts/package/tutorial.ts). */
const without = ['docs/first-service.md'];
const samples = pages.flatMap(samplesOf);
/** No automatic globals beside Node's own, and one program for all of them: the compiler starts once. */
const config = { extends: '../../tsconfig.json', compilerOptions: { moduleDetection: 'force', noUnusedLocals: false }, include: ['*.ts'] };

mkdirSync(folder);
for (const { file, code } of samples) writeFileSync(join(folder, file), code);
writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));

describe('samples', { concurrency: 2 }, () => {
  test('every page has one', () => {
    const lacking = pages.filter((page) => !without.includes(page) && samples.every((sample) => sample.page !== page));
    assert.deepEqual(lacking, []);
  });

  test('every excerpt is a part of one of them, word for word', () => {
    const lines = samples.map(({ code }) => code.split('\n'));
    const isPartOf = (program: readonly string[], excerpt: string): boolean => {
      const length = excerpt.split('\n').length - 1;
      return program.some((_, at) => flush(`${program.slice(at, at + length).join('\n')}\n`) === excerpt);
    };
    const lost = pages.flatMap((page) =>
      excerptsOf(page).flatMap((code) => (lines.some((program) => isPartOf(program, flush(code))) ? [] : [`${page}: ${code}`])),
    );
    assert.deepEqual(lost, []);
  });

  test('every page has code before its first section', () => {
    const late = pages.filter((page) => {
      const text = readFileSync(join(root, page), 'utf8');
      return !without.includes(page) && text.indexOf('\n```') > text.indexOf('\n## ');
    });
    assert.deepEqual(late, []);
  });

  test('the first code of every page has twenty lines at most', () => {
    const long = pages.flatMap((page) => {
      const [, code] = /^```ts(?: excerpt)?\n([\s\S]*?)^```$/m.exec(readFileSync(join(root, page), 'utf8')) ?? [];
      const length = (code ?? '').split('\n').length - 1;
      return length > 20 ? [`${page}: ${length}`] : [];
    });
    assert.deepEqual(long, []);
  });

  test('type-check as a user would write them', async () => {
    const tsc = join(root, 'node_modules/typescript/bin/tsc');
    const { stdout } = await run(process.execPath, [tsc, '-p', folder]).catch((error: { stdout: string }) => error);
    assert.equal(stdout, '');
  });

  for (const { page, file } of samples) {
    test(`${page} runs to its end (${file})`, async () => {
      const flags = ['--conditions=@seaworthy/source', '--disable-warning=ExperimentalWarning'];
      const { stderr } = await run(process.execPath, [...flags, join(folder, file)], { timeout: 30_000 });
      assert.equal(stderr, '');
    });
  }
});

/** A heading as the anchor that links name it by. */
const anchor = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\w\- ]/g, '')
    .replaceAll(' ', '-');

test('every relative link of a page leads somewhere', () => {
  const all = globSync('**/*.md', { cwd: root, exclude: (name) => ['node_modules', '.git', 'pages'].includes(name) });
  const broken = all.flatMap((page) => {
    const text = readFileSync(join(root, page), 'utf8').replaceAll(/^```[\s\S]*?^```$/gm, '');
    const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1] as string);
    return links.flatMap((link) => {
      if (/^[a-z]+:/.test(link)) return [];
      const [path = '', part] = link.split('#');
      const target = path === '' ? join(root, page) : join(root, dirname(page), path);
      if (!existsSync(target)) return [`${page}: ${link}`];
      if (part === undefined) return [];
      const headings = [...readFileSync(target, 'utf8').matchAll(/^#+ (.*)$/gm)].map((match) => anchor(match[1] as string));
      return headings.includes(part) ? [] : [`${page}: ${link} (no such heading)`];
    });
  });
  assert.deepEqual(broken, []);
});
