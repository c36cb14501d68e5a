const shown = (sql: string): string => sql.replaceAll(/\s+/g, ' ').slice(0, 300);

/** Names a statement in errors, without its values. */
export const statementName = (sql: string) => (): string => `the statement \`${shown(sql)}\``;

/** Words why a statement was refused. */
export const refusalOf = (why: string, sql: string): string => `${why}, in: ${shown(sql)}`;
