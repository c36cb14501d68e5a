import { SeaworthyError } from '../core/errors.ts';
import { asJson } from './as-json.ts';
import type { Bound } from './contract.ts';
import { isObject } from './json.ts';
import { type Finding, sentence } from './schema.ts';

/** The input of a call breaks its contract; `issues` lists the places and rules. */
export class InputInvalid extends SeaworthyError {
  readonly code = 'SW_INPUT_INVALID';
  readonly kind = 'invalid';
  readonly issues: readonly Finding[];

  constructor({ service, name }: Bound, issues: readonly Finding[], options?: { readonly cause: unknown }) {
    super(`the input of ${service}.${name} is wrong: ${sentence(issues)}`, options);
    this.issues = issues;
  }
}

/**
 * Makes the JSON of an input, as its receiver will have it. Throws `InputInvalid` for a value that JSON cannot represent, and for a text
 * that not every database keeps.
 */
export function inputJson(operation: Bound, input: unknown): Readonly<Record<string, unknown>> {
  const json = asJson(input, { storable: true });
  if ('fault' in json) throw new InputInvalid(operation, [json.fault]);
  if (isObject(json.value)) return json.value;
  throw new InputInvalid(operation, [{ path: '', message: 'must be an object with named fields' }]);
}
