/** Tells whether a value is a JSON object; lists and null are not. */
export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Decodes one part of a JSON pointer in a URI fragment (RFC 6901). */
export const pointed = (part: string): string => decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~');
