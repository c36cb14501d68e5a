import { SeaworthyError } from '../core/errors.ts';
import type { At } from './contract.ts';
import { type Finding, sentence } from './schema.ts';

/** The input of a call breaks its contract; `issues` say where and how. */
export class InputInvalid extends SeaworthyError {
  readonly code = 'SW_INPUT_INVALID';
  readonly kind = 'invalid';
  readonly issues: readonly Finding[];

  constructor({ service, name }: At, issues: readonly Finding[], options?: { readonly cause: unknown }) {
    super(`the input of ${service}.${name} is wrong: ${sentence(issues)}`, options);
    this.issues = issues;
  }
}

/** `JSON.stringify` escapes half of a surrogate pair, and nothing else, in this way; a backslash of the text itself is doubled. */
const halfPair = /(?<!\\)(?:\\\\)*\\ud[89a-f]/;

function halfPairAt(value: unknown): readonly string[] | undefined {
  if (typeof value === 'string') return value.isWellFormed() ? undefined : [];
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [name, inner] of Object.entries(value)) {
    const place = name.isWellFormed() ? halfPairAt(inner) : [];
    if (place) return [name, ...place];
  }
  return undefined;
}

/** JSON text. Throws `InputInvalid` for what is none, such as a bigint or a circle, or malformed Unicode. */
export function writeInput(operation: At, value: unknown): string {
  let text: string;
  try {
    text = JSON.stringify(value) ?? 'null';
    if (!halfPair.test(text)) return text;
  } catch (cause) {
    throw new InputInvalid(operation, [{ path: '', message: `cannot be written as JSON (${(cause as Error).message})` }], { cause });
  }
  const path = halfPairAt(JSON.parse(text))?.join('.').toWellFormed() ?? '';
  throw new InputInvalid(operation, [{ path, message: 'has half of a surrogate pair: send well-formed Unicode' }]);
}
