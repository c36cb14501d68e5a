import { inspect } from 'node:util';

/** What is read of a thrown value at most, in characters. A row, a log line or a header must hold it. */
const longest = 2000;
/** Causes may be a ring. */
const deepest = 10;

/** Stands in for a thrown value that cannot be read, so that everything behind it meets an ordinary error. */
export class UnreadableError extends Error {
  readonly code: string | number | undefined;

  constructor(thrown: unknown) {
    super(textOf(thrown));
    this.name = textField(thrown, 'name') ?? 'UnreadableError';
    this.code = codeOf(thrown);
  }
}

/** Whether `thrown` is an instance of `type`. False, and never an error, for a value whose prototype cannot be read. */
export function isA<T>(thrown: unknown, type: abstract new (...args: never[]) => T): thrown is T {
  try {
    return thrown instanceof type;
  } catch {
    return false;
  }
}

/** A property of a thrown value; `undefined` when there is none or reading it throws. */
export function fieldOf(thrown: unknown, name: string): unknown {
  if ((typeof thrown !== 'object' && typeof thrown !== 'function') || thrown === null) return undefined;
  try {
    return (thrown as Readonly<Record<string, unknown>>)[name];
  } catch {
    return undefined;
  }
}

/** A text of at most `most` characters that every store keeps: without half characters and without U+0000. */
export const bounded = (text: string, most: number): string => text.slice(0, most).toWellFormed().replaceAll('\0', '\ufffd');

function textField(thrown: unknown, name: string, most = longest): string | undefined {
  const value = fieldOf(thrown, name);
  return typeof value === 'string' && value !== '' ? bounded(value, most) : undefined;
}

/** The code of an error, where it has one that is a text or a number. */
export function codeOf(thrown: unknown): string | number | undefined {
  const code = fieldOf(thrown, 'code');
  return typeof code === 'number' ? code : textField(thrown, 'code', 200);
}

/** The frames of an error, bounded; `undefined` where there are none that can be read. */
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

/** What was thrown, in words: its message, or what else can be read of it. At most 2000 characters, and never an error. */
export function textOf(thrown: unknown): string {
  if (typeof thrown === 'string') return bounded(thrown, longest);
  const message = fieldOf(thrown, 'message');
  if (typeof message === 'string' && message !== '') return bounded(message, longest);
  if (typeof message === 'object' && message !== null) return shown(message);
  return (isA(thrown, Error) && textField(thrown, 'name')) || shown(thrown);
}

/** What is known of a thrown value and its causes, as plain data. */
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

/** Whether everything that is read of an error later can be read, and is of the type that it should be. */
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
 * The thrown value itself, or an `UnreadableError` in its place when it cannot be read: a getter that throws, a revoked proxy, a
 * message that is not a text. To be called where code that is not ours throws.
 */
export function readable(thrown: unknown): unknown {
  if ((typeof thrown !== 'object' && typeof thrown !== 'function') || thrown === null) return thrown;
  return isReadable(thrown) ? thrown : new UnreadableError(thrown);
}
