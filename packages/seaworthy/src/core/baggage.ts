/** Limits of W3C Baggage, section 3.3 (https://www.w3.org/TR/baggage/): no message carries more, whoever wrote it. */
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

/** Reads a `baggage` header. What is malformed or beyond 8,192 bytes or 64 entries is left out, and so are properties; it never throws. */
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

/** Writes a `baggage` header, `undefined` for an empty one. A key that is no token of HTTP, and what goes beyond the limits, is left out. */
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

/** Of what came from elsewhere, the entries whose keys are allowed. */
export function allowedBaggage(text: unknown, allowed: readonly string[]): string | undefined {
  if (allowed.length === 0 || typeof text !== 'string') return undefined;
  const entries = parseBaggage(text);
  return formatBaggage(new Map([...entries].filter(([key]) => allowed.includes(key))));
}
