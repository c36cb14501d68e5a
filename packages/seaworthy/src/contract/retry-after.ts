import { longestMs } from '../core/duration.ts';

/** The wait for a `Retry-After` that cannot be read: longer than clients wait by default. */
export const unreadableWaitMs = 10_000;

const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const time = '(\\d{2}):(\\d{2}):(\\d{2})';
/** The three forms of a date in HTTP (RFC 9110, 5.6.7), all of them in UTC. */
const fixed = new RegExp(`^[a-z]{3}, (\\d{2}) ([a-z]{3}) (\\d{4}) ${time} gmt$`, 'i');
const rfc850 = new RegExp(`^[a-z]{6,9}, (\\d{2})-([a-z]{3})-(\\d{2}) ${time} gmt$`, 'i');
const asctime = new RegExp(`^[a-z]{3} ([a-z]{3}) ([ \\d]\\d) ${time} (\\d{4})$`, 'i');

type Fields = readonly [day: string, month: string, year: string, hours: string, minutes: string, seconds: string];

function fieldsIn(text: string): Fields | undefined {
  const whole = fixed.exec(text) ?? rfc850.exec(text);
  if (whole) return whole.slice(1) as unknown as Fields;
  const [, month, day, hours, minutes, seconds, year] = asctime.exec(text) ?? [];
  return month === undefined ? undefined : ([day, month, year, hours, minutes, seconds] as Fields);
}

/** Completes a year of two digits. One that seems to be more than fifty years ahead is in the century before. */
function fullYear(year: string, now: number): number {
  if (year.length === 4) return Number(year);
  const current = new Date(now).getUTCFullYear();
  const near = current - (current % 100) + Number(year);
  return near > current + 50 ? near - 100 : near;
}

/** Reads an HTTP date as milliseconds since the epoch; `undefined` for a text that is not one. */
export function httpDate(text: string, now: number): number | undefined {
  const [day, month = '', year = '', hours, minutes, seconds] = fieldsIn(text.trim()) ?? [];
  const index = months.indexOf(month.toLowerCase());
  if (index < 0) return undefined;
  const numbers = [Number(day), Number(hours), Number(minutes), Number(seconds)] as const;
  if (numbers[0] < 1 || numbers[0] > 31 || numbers[1] > 23 || numbers[2] > 59 || numbers[3] > 60) return undefined;
  return Date.UTC(fullYear(year, now), index, ...numbers);
}

/** Bounds a wait: at least 0, and no longer than a duration may be. */
const clamped = (ms: number): number => Math.min(Math.max(0, ms), longestMs);

function waitIn(text: string, now: number): number | undefined {
  if (/^\d+(?:\.\d+)?$/.test(text)) return clamped(Math.ceil(Number(text) * 1000));
  const at = httpDate(text, now);
  return at === undefined ? undefined : clamped(at - now);
}

/** Splits a header field into its values; a date contains a comma itself. */
const valuesOf = (field: string, now: number): readonly string[] =>
  waitIn(field.trim(), now) === undefined ? field.split(',').map((part) => part.trim()) : [field.trim()];

/** Returns the longest wait among a header's values; `undefined` when none can be read. */
function longestIn(fields: readonly string[], now: number): number | undefined {
  const waits = fields.flatMap((field) => valuesOf(field, now)).map((value) => waitIn(value, now));
  const readable = waits.filter((wait) => wait !== undefined);
  return readable.length > 0 ? Math.max(...readable) : undefined;
}

/**
 * Returns the milliseconds to wait, from the values of `Retry-After` (RFC 9110, 10.2.3) and `retryAfterMs` of a problem document;
 * `undefined` when there is neither. The longer one counts. A value that cannot be read makes the wait longer, not shorter.
 */
export function waitOf(header: string | readonly string[] | undefined, inDocument: unknown, now: number): number | undefined {
  const fields = header === undefined ? [] : typeof header === 'string' ? [header] : header;
  const asked = longestIn(fields, now);
  const precise = typeof inDocument === 'number' && inDocument >= 0 ? clamped(inDocument) : undefined;
  // In answers of the toolkit the header is the document's wait in whole seconds.
  if (precise !== undefined) return asked !== undefined && asked - precise >= 1000 ? asked : precise;
  if (asked !== undefined) return asked;
  return fields.length > 0 || (inDocument !== undefined && inDocument !== null) ? unreadableWaitMs : undefined;
}
