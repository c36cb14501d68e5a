/** The most characters of a text that every database keeps as a key. */
export const longestKey = 255;

/** Whether every database keeps a text as a key, equal only to itself. */
export const isKey = (text: string): boolean => text.length <= longestKey && text.isWellFormed() && !text.includes('\0');

/** What `isKey` asks for, as the end of a sentence. */
export const keyRule = `of at most ${longestKey} characters of well-formed Unicode without U+0000`;
