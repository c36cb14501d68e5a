/** The limits of W3C Baggage, section 3.3 (https://www.w3.org/TR/baggage/). */
const bytesAtMost = 8192;
const entriesAtMost = 64;

const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

const decoded = (text: string): string | undefined => {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
};

/** Reads a `baggage` header. Leaves out properties, malformed entries and entries beyond 8,192 bytes or 64 entries. Never throws. */
export function parseBaggage(text: string): ReadonlyMap<string, string> {
  const entries = new Map<string, string>();
  const whole = text.length <= bytesAtMost ? text : text.slice(0, Math.max(0, text.lastIndexOf(',', bytesAtMost)));
  for (const member of whole.split(',')) {
    const [pair = ''] = member.split(';', 1);
    const equals = pair.indexOf('=');
    const key = pair.slice(0, Math.max(0, equals)).trim();
    const value = decoded(pair.slice(equals + 1).trim());
    if (value === undefined || !token.test(key)) continue;
    if (entries.size < entriesAtMost || entries.has(key)) entries.set(key, value);
  }
  return entries;
}

/** Writes a `baggage` header; `undefined` for an empty one. Leaves out keys that are not HTTP tokens, and entries beyond the limits. */
export function formatBaggage(entries: ReadonlyMap<string, string>): string | undefined {
  let text = '';
  let count = 0;
  for (const [key, value] of entries) {
    if (!token.test(key)) continue;
    const member = `${text === '' ? '' : ','}${key}=${encodeURIComponent(value.toWellFormed())}`;
    if (count === entriesAtMost || text.length + member.length > bytesAtMost) continue;
    text += member;
    count++;
  }
  return text === '' ? undefined : text;
}

/** Keeps the entries of a received `baggage` header whose keys are allowed. */
export function allowedBaggage(text: unknown, allowed: readonly string[]): string | undefined {
  if (allowed.length === 0 || typeof text !== 'string') return undefined;
  const entries = parseBaggage(text);
  return formatBaggage(new Map([...entries].filter(([key]) => allowed.includes(key))));
}
