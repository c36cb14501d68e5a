import type { Answer } from '../contract/answer.ts';
import type { At, Operation } from '../contract/contract.ts';
import { isObject } from '../contract/json.ts';
import { declaredError } from '../contract/member.ts';
import { examine } from '../contract/schema.ts';
import { nameOf } from './answer.ts';
import { AnswerOutdated } from './errors.ts';

/** `kept`, with the fields that only `read` has. */
function filledIn(kept: unknown, read: unknown): unknown {
  if (Array.isArray(kept) && Array.isArray(read)) return kept.map((one, index) => filledIn(one, read[index]));
  if (!isObject(kept) || !isObject(read)) return kept;
  const names = new Set([...Object.keys(kept), ...Object.keys(read)]);
  return Object.fromEntries([...names].map((name) => [name, Object.hasOwn(kept, name) ? filledIn(kept[name], read[name]) : read[name]]));
}

/**
 * An input that was validated and kept, perhaps by code that did not know all fields: what is new in the schema gets its default.
 * What was kept stays as it is, since to validate it twice could make something else of it.
 */
export async function completed(operation: Operation, kept: unknown): Promise<unknown> {
  try {
    const result = await examine(operation.input, kept);
    return 'value' in result ? filledIn(kept, JSON.parse(JSON.stringify(result.value))) : kept;
  } catch {
    return kept; // a schema that takes only what was never validated has nothing to say of it
  }
}

/**
 * An answer, which may have been recorded by older code, as the contract of this code has it. Throws `AnswerOutdated` when it
 * declares no such error any more. An output that lacks what is new goes as it is: its caller may be of the old version, too.
 */
export function answerable(operation: Operation & At, answer: Answer): Answer {
  if (answer.kind === 'declared' && !declaredError(operation, answer.name))
    throw new AnswerOutdated(
      `${nameOf(operation)} was refused with ${answer.name} under this key before, which its contract does not declare any more: declare it until such answers are forgotten`,
    );
  return answer.kind === 'output' && !operation.output ? { kind: 'output', output: undefined } : answer;
}
