import { stripVTControlCharacters, styleText } from 'node:util';
import { io } from './io.ts';

type Format = Parameters<typeof styleText>[0];

/** Colours a text if standard output shows colours; `NO_COLOR` turns them off. */
export const paint = (format: Format, text: string): string => styleText(format, text, { stream: process.stdout });
/** Colours a text if standard error shows colours. */
export const paintError = (format: Format, text: string): string => styleText(format, text, { stream: process.stderr });

export const print = (text: string): void => io().out(`${text}\n`);
export const printJson = (value: unknown): void => print(JSON.stringify(value, null, 2));

const widthOf = (text: string): number => [...stripVTControlCharacters(text)].length;
export const padded = (text: string, width: number): string => text + ' '.repeat(Math.max(0, width - widthOf(text)));

/** Shortens a text to one line of at most `width` characters. */
export function truncate(text: string, width: number): string {
  const line = text.replaceAll(/\s+/g, ' ').trim();
  const characters = [...line];
  return characters.length <= width ? line : `${characters.slice(0, Math.max(1, width - 1)).join('')}…`;
}

/** Returns the width of the terminal; `undefined` when standard output is not a terminal. */
export const columns = (): number | undefined => (process.stdout.isTTY ? process.stdout.columns : undefined);

/** Aligns rows under their heads; in a terminal the last column is truncated to fit. */
export function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const last = heads.length - 1;
  const widths = heads.map((head, column) => Math.max(head.length, ...rows.map((row) => widthOf(row[column] ?? ''))));
  const before = widths.slice(0, last).reduce((sum, width) => sum + width + 2, 0);
  const room = Math.max(16, (columns() ?? Number.POSITIVE_INFINITY) - before);
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) =>
        column < last
          ? padded(cell, widths[column] as number)
          : widthOf(cell) > room
            ? truncate(stripVTControlCharacters(cell), room)
            : cell,
      )
      .join('  ')
      .trimEnd();
  return [paint('dim', line(heads)), ...rows.map(line)].join('\n');
}

const units = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1000],
] as const;

/** Formats milliseconds for a person: `3 ms`, `2.4 s`, `5 min`. */
export function formatDuration(ms: number): string {
  if (ms < 10) return `${Math.round(ms * 10) / 10} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const [unit, size] = units.find(([, size]) => ms >= size) as (typeof units)[number];
  const count = ms / size;
  return `${count < 10 ? Math.round(count * 10) / 10 : Math.round(count)} ${unit}`;
}

export const ago = (at: number, now: number): string => `${formatDuration(Math.max(0, now - at))} ago`;
/** Formats the local time of day to the millisecond. */
export function timeOfDay(ms: number): string {
  const at = new Date(ms);
  const two = (part: number): string => String(part).padStart(2, '0');
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${String(at.getMilliseconds()).padStart(3, '0')}`;
}

/** Formats a number with its noun: `1 dead letter`, `2 dead letters`. */
export const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;
