import { inspect } from 'node:util';

/** The longest text that is read of a thrown value, in characters. It must fit into a row, a log line or a header. */
const longest = 2000;
/** The largest number of causes that are read, since causes may form a ring. */
const deepest = 10;

/** Replaces a thrown value that cannot be read, so that later code gets an ordinary error. */
export class UnreadableError extends Error {
  readonly code: string | number | undefined;

  constructor(thrown: unknown) {
    super(textOf(thrown));
    this.name = textField(thrown, 'name') ?? 'UnreadableError';
    this.code = codeOf(thrown);
  }
}

/** Tells whether `thrown` is an instance of `type`. Returns false for a value whose prototype cannot be read. */
export function isA<T>(thrown: unknown, type: abstract new (...args: never[]) => T): thrown is T {
  try {
    return thrown instanceof type;
  } catch {
    return false;
  }
}

/** Reads a property of a thrown value; `undefined` when there is none or reading it throws. */
export function fieldOf(thrown: unknown, name: string): unknown {
  if ((typeof thrown !== 'object' && typeof thrown !== 'function') || thrown === null) return undefined;
  try {
    return (thrown as Readonly<Record<string, unknown>>)[name];
  } catch {
    return undefined;
  }
}

/** Shortens a text to `most` characters that every store accepts: without half surrogate pairs and U+0000. */
export const bounded = (text: string, most: number): string => text.slice(0, most).toWellFormed().replaceAll('\0', '\ufffd');

function textField(thrown: unknown, name: string, most = longest): string | undefined {
  const value = fieldOf(thrown, name);
  return typeof value === 'string' && value !== '' ? bounded(value, most) : undefined;
}

/** Reads the code of an error if it is a text or a number. */
export function codeOf(thrown: unknown): string | number | undefined {
  const code = fieldOf(thrown, 'code');
  return typeof code === 'number' ? code : textField(thrown, 'code', 200);
}

/** Reads the stack of an error, bounded; `undefined` if it cannot be read. */
export const stackOf = (thrown: unknown, most = longest): string | undefined => textField(thrown, 'stack', most);

function shown(value: unknown): string {
  try {
    const text = inspect(value, {
      ...{ depth: 2, maxArrayLength: 20, maxStringLength: 500, breakLength: Number.POSITIVE_INFINITY },
      ...{ customInspect: false, getters: false },
    });
    return bounded(text, longest);
  } catch {
    return 'a thrown value that cannot be read';
  }
}

/** Describes a thrown value by its message, or by what else can be read of it, in at most 2000 characters. Never throws. */
export function textOf(thrown: unknown): string {
  if (typeof thrown === 'string') return bounded(thrown, longest);
  const message = fieldOf(thrown, 'message');
  if (typeof message === 'string' && message !== '') return bounded(message, longest);
  if (typeof message === 'object' && message !== null) return shown(message);
  return (isA(thrown, Error) && textField(thrown, 'name')) || shown(thrown);
}

/** A thrown value and its causes as plain data. */
export interface Described {
  readonly type: string;
  readonly code?: string | number;
  readonly message: string;
  readonly stack?: string;
  readonly cause?: Described;
}

/** Reads a thrown value and up to ten of its causes. Never throws, whatever the value is. */
export function described(thrown: unknown, depth = 1): Described {
  const code = codeOf(thrown);
  const stack = stackOf(thrown, 4 * longest);
  const cause = depth < deepest ? fieldOf(thrown, 'cause') : undefined;
  return {
    type: textField(thrown, 'name', 200) ?? (isA(thrown, Error) ? 'Error' : typeof thrown),
    ...(code !== undefined && { code }),
    message: textOf(thrown),
    ...(stack !== undefined && { stack }),
    ...(cause !== undefined && cause !== null && { cause: described(cause, depth + 1) }),
  };
}

/** Tells whether all that later code reads of an error can be read and has the right type. */
function isReadable(thrown: object): boolean {
  try {
    const { message, name, data: _, cause: __, code: ___ } = thrown as Readonly<Record<string, unknown>>;
    if (thrown instanceof Error && (typeof message !== 'string' || typeof name !== 'string')) return false;
    return typeof String(thrown) === 'string';
  } catch {
    return false;
  }
}

/**
 * Returns the thrown value, or an `UnreadableError` if it cannot be read: a getter that throws, a revoked proxy, a message that is not a
 * text. Call it on every value that foreign code throws.
 */
export function readable(thrown: unknown): unknown {
  if ((typeof thrown !== 'object' && typeof thrown !== 'function') || thrown === null) return thrown;
  return isReadable(thrown) ? thrown : new UnreadableError(thrown);
}
