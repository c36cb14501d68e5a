/** The properties of a statement that its text shows before it runs. */
export interface Shape {
  /** The number of values that the statement needs. */
  readonly placeholders: number;
  /** The statement changes nothing. */
  readonly reading: boolean;
  /** The statement may change rows. */
  readonly changing: boolean;
  /** The statement may change rows and return rows. */
  readonly returning: boolean;
  /** The rule that the statement breaks, as the end of a sentence. */
  readonly fault: string | undefined;
}

const token =
  /--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|'[^']*'|"[^"]*"|`[^`]*`|[a-z_\u0080-\ufefe\uff00-\uffff][\w$\u0080-\uffff]*|\?\d+|[:@$][a-z_]\w*|\S/giu;
const isComment = (text: string): boolean => text.startsWith('--') || text.startsWith('/*');
const changers = new Set(['insert', 'update', 'delete', 'replace']);
const control = new Set(['begin', 'commit', 'end', 'rollback', 'savepoint', 'release']);
/** Statements that outlive their transaction or cannot be rolled back with it, although the connection has other users. */
const wide: Readonly<Record<string, string>> = {
  pragma: 'to read, `select * from pragma_table_info(...)` and its like; foreign keys are off in a migration by themselves',
  attach: 'one store is one database',
  detach: 'one store is one database',
  vacuum: 'run it with a tool of the database while nothing is at work',
};
const isTemporary = (word: string | undefined): boolean => word !== undefined && /^["`[]?temp(?:orary)?["`\]]?$/.test(word);

/**
 * Reads a statement up to its placeholders and its end. It refuses texts that an engine would silently accept: a second statement
 * would never run, a missing value would be null, a `commit` would end the transaction early, and a `pragma` would apply to all later
 * statements.
 */
export function shapeOf(sql: string): Shape {
  const tokens = (sql.match(token) ?? []).filter((text) => !isComment(text));
  const words = tokens.map((text) => text.toLowerCase());
  const isTrigger = words[0] === 'create' && words.slice(1, 3).includes('trigger');
  const end = words.indexOf(';');
  const odd = tokens.find((text) => /^(?:\?\d|[:@$]\w)/.test(text));
  let fault: string | undefined;
  if (words.length === 0) fault = 'is empty';
  else if (control.has(words[0] as string)) fault = 'begins or ends a transaction: that is for `transaction` and `savepoint` alone';
  else if (end >= 0 && !isTrigger && words.slice(end).some((text) => text !== ';'))
    fault = 'is more than one statement: give them one by one';
  else if (words.some((word, index) => word === 'in' && words[index + 1] === '(' && words[index + 2] === ')'))
    fault = 'has an empty list behind `in`, which other engines refuse: leave the condition out';
  else if (odd !== undefined) fault = `has the placeholder ${odd}: write every one as a bare ?`;
  else if (words[0] === 'create' && (isTemporary(words[1]) || words.some((word, index) => isTemporary(word) && words[index + 1] === '.')))
    fault = 'makes something temporary, which others on the same connection would see in place of what they mean: make it without `temp`';
  else if (Object.hasOwn(wide, words[0] as string))
    fault = `concerns the whole connection, not this transaction: leave the ${words[0]} out (${wide[words[0] as string]})`;
  const [first = ''] = words;
  const changing = changers.has(first) || (first === 'with' && words.some((word) => changers.has(word)));
  const reading = first === 'select' || first === 'values' || (first === 'with' && !changing);
  return { placeholders: words.filter((text) => text === '?').length, reading, changing, returning: words.includes('returning'), fault };
}
