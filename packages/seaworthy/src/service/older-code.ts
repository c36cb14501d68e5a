import type { Answer } from '../contract/answer.ts';
import type { Bound, Operation } from '../contract/contract.ts';
import { isObject } from '../contract/json.ts';
import { declaredError } from '../contract/member.ts';
import { examine } from '../contract/schema.ts';
import { nameOf } from './answer.ts';
import { AnswerOutdated } from './errors.ts';

/** Returns `kept` with the fields that only `read` has. */
function filledIn(kept: unknown, read: unknown): unknown {
  if (Array.isArray(kept) && Array.isArray(read)) return kept.map((one, index) => filledIn(one, read[index]));
  if (!isObject(kept) || !isObject(read)) return kept;
  const names = new Set([...Object.keys(kept), ...Object.keys(read)]);
  return Object.fromEntries([...names].map((name) => [name, Object.hasOwn(kept, name) ? filledIn(kept[name], read[name]) : read[name]]));
}

/**
 * Returns an input that was validated and kept, perhaps by older code, with the defaults of the fields that are new in its schema. Its
 * other fields stay as they are: validating them a second time could change them.
 */
export async function withDefaults(operation: Operation, kept: unknown): Promise<unknown> {
  try {
    const result = await examine(operation.input, kept);
    return 'value' in result ? filledIn(kept, JSON.parse(JSON.stringify(result.value))) : kept;
  } catch {
    return kept; // The schema accepts only input that was not validated yet.
  }
}

/**
 * Returns a recorded answer, perhaps of older code, as the contract of this code declares it. Throws `AnswerOutdated` for an error that
 * the contract no longer declares. An output that lacks new fields is returned unchanged: its caller may be of the old version, too.
 */
export function currentAnswer(operation: Operation & Bound, answer: Answer): Answer {
  if (answer.kind === 'declared' && !declaredError(operation, answer.name))
    throw new AnswerOutdated(
      `the answer of ${nameOf(operation)} recorded under this key is the error ${answer.name}, which its contract no longer declares: declare it until such records have expired`,
    );
  return answer.kind === 'output' && !operation.output ? { kind: 'output', output: undefined } : answer;
}
