import { controls, type Syntax } from './statement-text.ts';

const wide = 'concerns the whole connection, not this transaction: ';
const commits = 'commits by itself what was done before it: put it into a migration';

/** Statements that make or change tables, by their first word. Each commits by itself (https://dev.mysql.com/doc/refman/8.4/en/implicit-commit.html). */
const definitions = ['alter', 'analyze', 'create', 'drop', 'grant', 'optimize', 'rename', 'repair', 'revoke', 'truncate'];

/** Whether a statement commits by itself. */
export const commitsByItself = (sql: string): boolean => definitions.some((word) => new RegExp(`^\\s*${word}\\b`, 'i').test(sql));

/** The lexical rules of https://dev.mysql.com/doc/refman/8.4/en/language-structure.html in the `sql_mode` that the driver sets. */
export const migrationSyntax: Syntax = {
  token:
    /--(?=\s|$)[^\n]*|#[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|[a-z_$\u0080-\uffff][\w$\u0080-\uffff]*|\?|[^\s\w]/giu,
  placeholder: () => '?',
  faultOf: (token) => (/^\/\*M?!/.test(token) ? 'has a comment that the server runs: write it out' : undefined),
  refused: {
    ...controls,
    xa: 'begins or ends a transaction: that is for `transaction` alone',
    set: `${wide}leave it out, or set it for the server`,
    use: `${wide}one store is one database`,
    lock: `${wide}use \`select ... for update\``,
    unlock: `${wide}leave it out`,
    handler: `${wide}use \`select\``,
    prepare: `${wide}statements are prepared by themselves`,
    execute: `${wide}statements are prepared by themselves`,
    deallocate: `${wide}statements are prepared by themselves`,
    load: 'needs a file: use `insert`',
    call: 'runs a procedure, which may commit: write its statements out, or use a function',
    flush: 'cannot be rolled back: run it with a tool of the database',
    reset: 'cannot be rolled back: run it with a tool of the database',
    kill: 'cannot be rolled back: run it with a tool of the database',
  },
};

/** Whether a column refers to another table by itself, which MySQL accepts and ignores before its version 9. */
export function hasColumnReference(sql: string): boolean {
  const words = (sql.match(migrationSyntax.token) ?? []).map((word) => word.toLowerCase());
  const count = (word: string): number => words.filter((one) => one === word).length;
  return (words[0] === 'create' || words[0] === 'alter') && count('references') > count('foreign');
}

export const mysqlSyntax: Syntax = {
  ...migrationSyntax,
  refused: { ...migrationSyntax.refused, ...Object.fromEntries(definitions.map((word) => [word, commits])) },
};
