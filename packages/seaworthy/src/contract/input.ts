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

/** JSON text. Throws `InputInvalid` for what is none, such as a bigint or a circle. */
export function writeInput(operation: At, value: unknown): string {
  try {
    return JSON.stringify(value) ?? 'null';
  } catch (cause) {
    throw new InputInvalid(operation, [{ path: '', message: `cannot be written as JSON (${(cause as Error).message})` }], { cause });
  }
}
