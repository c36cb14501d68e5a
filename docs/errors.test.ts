import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';

const source = resolve(import.meta.dirname, '../packages');
const texts = globSync('*/src/**/*.ts', { cwd: source })
  .filter((file) => !/\.(test|test-d|fixture)\.ts$/.test(file))
  .map((file) => readFileSync(join(source, file), 'utf8'));

interface Row {
  readonly code: string;
  readonly cells: readonly string[];
}

const page = readFileSync(join(import.meta.dirname, 'errors.md'), 'utf8');
const rows = [...page.matchAll(/^\| `(SW_[^`]+)` *\|(.*)\|$/gm)].map(
  ([, code, rest]): Row => ({ code: code as string, cells: (rest as string).split('|').map((cell) => cell.trim()) }),
);

test('every code of the sources has exactly one row, and every row a code', () => {
  const written = texts.flatMap((text) => text.match(/'SW_[^']+'/g) ?? []).map((code) => code.slice(1, -1));
  assert.deepEqual(rows.map(({ code }) => code).sort(), [...new Set(written)].sort());
});

test('every row says when its error comes and what to do', () => {
  const incomplete = rows.filter(({ cells }) => cells.length !== 3 || cells.some((cell) => cell === ''));
  assert.deepEqual(incomplete, []);
});

test('every class of errors has a code of the form SW_NAME, and its row names the class', () => {
  const classes = texts.flatMap((text) => [
    ...text.matchAll(/^export class (\w+) extends (?:SeaworthyError|LocalRejection|StatementFailed|StoreUnavailable)\b([\s\S]*?)^}/gm),
  ]);
  assert.ok(classes.length > 40, `only ${classes.length} classes were found`);
  for (const [, name, body] of classes) {
    const code = /readonly code = '([^']*)'/.exec(body as string)?.[1] ?? '';
    assert.match(code, /^SW_[A-Z_]+$/, name);
    assert.equal(rows.find((row) => row.code === code)?.cells[0], `\`${name}\``);
  }
});
