import { controls, type Syntax } from './statement-text.ts';

const wide = 'concerns the whole connection, not this transaction: ';

/** Comments may be in comments. A pattern cannot count: more than a few are refused. */
const comment = (inside: number): string => String.raw`/\*(?:[^*/]|\*(?!/)|/(?!\*)${inside > 0 ? `|${comment(inside - 1)}` : ''})*\*/`;

const letter = String.raw`[A-Za-z_\u{80}-\u{10ffff}]`;
const wordPart = String.raw`[\w$\u{80}-\u{10ffff}]`;
const tagPart = String.raw`[\w\u{80}-\u{10ffff}]`;

/** See https://www.postgresql.org/docs/current/sql-syntax-lexical.html. */
const tokens = [
  String.raw`--[^\n\r]*`,
  comment(5),
  String.raw`/\*`,
  String.raw`\b[eE]'(?:[^'\\]|\\[\s\S]|'')*'`,
  `'(?:[^']|'')*'`,
  `"(?:[^"]|"")*"`,
  String.raw`\$(${letter}${tagPart}*)?\$[\s\S]*?\$\1\$`,
  `${letter}${wordPart}*`,
  String.raw`\?\?|\?`,
  String.raw`\$\d+`,
  String.raw`[^\s\w]`,
];

const sessionLock = /^pg_(?:try_)?advisory_lock(?:_shared)?$/i;

function faultOf(token: string): string | undefined {
  if (/^\$\d/.test(token)) return `has the placeholder ${token}: write every one as a bare ?`;
  if (token === '/*') return 'has a comment that does not end, or too many comments in comments';
  if (sessionLock.test(token))
    return `takes a lock that outlives the transaction: use \`${token.toLowerCase().replace('lock', 'xact_lock')}\``;
  return undefined;
}

const temporary =
  'makes something temporary, which others on the same connection would see in place of what they mean: make it without `temp`';

export const postgresSyntax: Syntax = {
  token: new RegExp(tokens.join('|'), 'gu'),
  placeholder: (position) => `$${position}`,
  faultOf,
  refused: {
    ...controls,
    set: `${wide}use \`set local\`, or set it for the role`,
    reset: `${wide}leave it out`,
    discard: `${wide}leave it out`,
    listen: `${wide}use \`store.listen\``,
    unlisten: `${wide}use \`store.listen\``,
    prepare: `${wide}statements are prepared by themselves`,
    deallocate: `${wide}statements are prepared by themselves`,
    execute: `${wide}statements are prepared by themselves`,
    copy: 'needs a protocol of its own: use `insert`',
    vacuum: 'cannot run in a transaction: run it with a tool of the database',
  },
  accepted: ['set local', 'set constraints'],
  faults: [
    [/(?<!(?:^|\s)(?:insert|merge) )\binto temp(?:orary)? /, temporary],
    [/(?:^|\s)"?pg_temp"? \. /, temporary],
    [/^declare .* with hold /, 'makes a cursor that outlives the transaction: make it without `with hold`'],
  ],
};
