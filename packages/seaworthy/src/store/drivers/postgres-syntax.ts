import { controls, type Syntax } from './statement-text.ts';

const wide = 'concerns the whole connection, not this transaction: ';

/** The lexical rules of https://www.postgresql.org/docs/current/sql-syntax-lexical.html. */
export const postgresSyntax: Syntax = {
  token:
    /--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|\b[eE]'(?:[^'\\]|\\[\s\S]|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|\$([a-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$[\s\S]*?\$\1\$|[a-z_\u0080-\uffff][\w$\u0080-\uffff]*|\?\?|\?|\$\d+|[^\s\w]/giu,
  placeholder: (position) => `$${position}`,
  faultOf: (token) => (/^\$\d/.test(token) ? `has the placeholder ${token}: write every one as a bare ?` : undefined),
  refused: {
    ...controls,
    set: `${wide}leave it out, or set it for the role`,
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
};
