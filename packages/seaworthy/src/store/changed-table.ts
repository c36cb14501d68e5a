const changing =
  /\b(?:insert(?:\s+or\s+\w+|\s+ignore)?\s+into|replace\s+into|update(?:\s+or\s+\w+)?)\s+(?:["`[]?\w+["`\]]?\s*\.\s*)?["`[]?(\w+)/i;

/** Returns the name of the table that a statement changes, for engines whose errors do not have it; empty when it changes none. */
export const changedTable = (sql: string): string => changing.exec(sql)?.[1] ?? '';
