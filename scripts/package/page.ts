/** A file that the reader writes, commands that the reader runs, or commands with their output. */
export type Part =
  | { readonly kind: 'file'; readonly path: string; readonly text: string }
  | { readonly kind: 'run'; readonly command: string; readonly prints: readonly string[] | undefined; readonly line: number };

/** Lists the blocks of a page in order: `ts PATH` and `json PATH` are files, `sh` is run, and `console` is also compared. */
export function partsOf(text: string): readonly Part[] {
  return [...text.matchAll(/^```([^\n]*)\n([\s\S]*?)^```$/gm)].flatMap((match): readonly Part[] => {
    const [, info = '', body = ''] = match;
    const line = text.slice(0, match.index).split('\n').length;
    const [language, path] = info.split(' ');
    if (path !== undefined) return [{ kind: 'file', path, text: body }];
    const lines = body.trimEnd().split('\n');
    if (language === 'sh') return lines.map((command, index) => ({ kind: 'run', command, prints: undefined, line: line + 1 + index }));
    if (language !== 'console') throw new Error(`line ${line}: a block marked ${info || 'nothing'} is neither written nor run`);
    const starts = lines.flatMap((one, index) => (one.startsWith('$ ') ? [index] : []));
    return starts.map((at, index) => ({
      kind: 'run',
      command: (lines[at] as string).slice(2),
      prints: lines.slice(at + 1, starts[index + 1]),
      line: line + 1 + at,
    }));
  });
}

const literal = (text: string): string => text.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&');

/** Tells whether a command printed what the page shows; `...` within a line matches any text, and a line `...` any number of lines. */
export function matches(printed: string, shown: readonly string[]): boolean {
  const pattern = shown.map((line) => (line === '...' ? '(?:.*\\n)*' : `${line.split('...').map(literal).join('.*')}\\n`)).join('');
  const text = printed.trim();
  return new RegExp(`^${pattern}$`).test(text === '' ? '' : `${text}\n`);
}
