import { StatementFailed } from '../errors.ts';
import { refusalOf } from '../statement-name.ts';
import type { Value, Values } from '../store.ts';

/** A statement for an engine on a network, as far as its text shows before it runs. */
export interface Text {
  /** With the placeholders of the engine. */
  readonly sql: string;
  readonly placeholders: number;
  /** The rule that the statement breaks, as the end of a sentence. */
  readonly fault: string | undefined;
  /** Unique among the texts that are kept; others are not worth preparing. */
  readonly id: number | undefined;
}

/** What an engine calls things. */
export interface Syntax {
  /** Finds strings, quoted names, comments and words, so that a placeholder in them is none. */
  readonly token: RegExp;
  /** Writes the placeholder of the value at a position, counted from 1. */
  readonly placeholder: (position: number) => string;
  /** What is wrong with a token wherever it stands, as the end of a sentence. */
  readonly faultOf: (token: string) => string | undefined;
  /** Statements that concern the connection or the transaction, by their first word, with what to do instead. */
  readonly refused: Readonly<Record<string, string>>;
  /** Statements that end with the transaction all the same, by their first two words. Default none. */
  readonly accepted?: readonly string[];
  /** What else a statement may not be, by its words in small letters with a space after each; strings are `''`. Default nothing. */
  readonly faults?: readonly (readonly [pattern: RegExp, fault: string])[];
}

const ends = 'begins or ends a transaction: that is for `transaction` and `savepoint` alone';

/** The first words of statements that begin or end transactions. */
export const controls = Object.fromEntries(
  ['begin', 'start', 'commit', 'end', 'abort', 'rollback', 'savepoint', 'release'].map((word) => [word, ends]),
);

const temporary: readonly [RegExp, string] = [
  /^create (?:or replace )?(?:global |local )?temp(?:orary)? /,
  'makes something temporary, which others on the same connection would see in place of what they mean: make it without `temp`',
];

const isComment = (text: string): boolean => text.startsWith('--') || text.startsWith('/*') || text.startsWith('#');
const isString = (text: string): boolean => /^[eE]?'|^\$(?!\d)/.test(text);

/** Returns the rule that a statement breaks by its words. */
function faultIn(words: readonly string[], { refused, accepted = [], faults = [] }: Syntax): string | undefined {
  const [first, second] = words;
  if (first === undefined) return 'is empty';
  if (Object.hasOwn(refused, first) && !accepted.includes(`${first} ${second}`)) return refused[first];
  const text = `${words.join(' ')} `;
  return [temporary, ...faults].find(([pattern]) => pattern.test(text))?.[1];
}

/**
 * Reads a statement whose placeholders are `?`; `??` stands for one question mark, such as an operator. It refuses texts by which a
 * connection or a transaction would not be afterwards what others take it for.
 */
export function textOf(sql: string, syntax: Syntax): Text {
  const { token, placeholder, faultOf } = syntax;
  let placeholders = 0;
  let fault: string | undefined;
  const words: string[] = [];
  const text = sql.replace(token, (found) => {
    fault ??= faultOf(found);
    if (isComment(found)) return found;
    if (found === '??') return '?';
    if (found !== ';' || words.length > 0) words.push(isString(found) ? "''" : found.toLowerCase());
    if (found !== '?') return found;
    placeholders++;
    return placeholder(placeholders);
  });
  return { sql: text, placeholders, fault: faultIn(words, syntax) ?? fault, id: undefined };
}

const kept = 1000;

/** Keeps the first texts. A statement that is put together from values has a new text each time, and must not use up the memory of the server. */
export function texts(syntax: Syntax): (sql: string) => Text {
  const known = new Map<string, Text>();
  return (sql) => {
    const text = known.get(sql) ?? textOf(sql, syntax);
    if (known.size >= kept || text.id !== undefined) return text;
    const numbered = { ...text, id: known.size };
    known.set(sql, numbered);
    return numbered;
  };
}

/** Returns the values of a statement as the client takes them. Throws `StatementFailed` when they are not those of its placeholders. */
export function bound<P>(text: Text, sql: string, values: Values, toParameter: (value: Value | undefined, index: number) => P): P[] {
  try {
    if (text.fault !== undefined) throw new TypeError(`the statement ${text.fault}`);
    if (text.placeholders !== values.length)
      throw new TypeError(`the statement has ${text.placeholders} placeholders and was given ${values.length} values`);
    return values.map(toParameter);
  } catch (cause) {
    throw new StatementFailed(refusalOf((cause as Error).message, sql), { cause });
  }
}
