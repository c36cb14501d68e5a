import { textOf } from './thrown.ts';

/** Finds texts that may have such a number, which are rare. A search through the value costs as much as parsing it. */
const perhapsHuge = /[eE]\+?\d{3}|(?<!\d)\d{309}/;

function holdsInfinity(value: unknown): boolean {
  const all = [value];
  // A sender chooses how deep a value is nested: a recursive walk could overflow the stack.
  for (let one = all.pop(); one !== undefined; one = all.pop()) {
    if (one === Number.POSITIVE_INFINITY || one === Number.NEGATIVE_INFINITY) return true;
    if (typeof one === 'object' && one !== null) for (const inner of Object.values(one)) all.push(inner);
  }
  return false;
}

/** Removes the quote from a message of the engine, since the quoted text may hold a secret. */
const withoutQuote = (message: string): string =>
  message.replace(/^(.*?)(?:, )?(?:\.\.\.)?".*is not valid JSON$/s, (_, what) => what || 'the text is not valid JSON');

/**
 * Parses JSON. Throws a `SyntaxError` whose message does not quote the text. It also throws for a number that is too large for
 * JavaScript, which `JSON.parse` turns into `Infinity`.
 */
export function parseJson(text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new SyntaxError(withoutQuote(textOf(error)));
  }
  if (perhapsHuge.test(text) && holdsInfinity(value)) throw new SyntaxError('a number is too large: a JavaScript number ends at 1.8e308');
  return value;
}
