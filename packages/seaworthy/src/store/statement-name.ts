/** Names a statement in errors, without its values. */
export const statementName = (sql: string) => (): string => `the statement \`${sql.replaceAll(/\s+/g, ' ').slice(0, 300)}\``;
