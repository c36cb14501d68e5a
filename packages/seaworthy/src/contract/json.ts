/** A JSON object, which a list and null are not. */
export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** One part of a JSON pointer in a URI fragment, as the name that it stands for (RFC 6901). */
export const pointed = (part: string): string => decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~');
