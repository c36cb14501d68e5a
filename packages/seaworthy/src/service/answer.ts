import { Failure } from '../client/call.ts';
import type { Answer } from '../contract/answer.ts';
import type { At, Operation } from '../contract/contract.ts';
import { InputInvalid } from '../contract/input.ts';
import { declaredErrors } from '../contract/member.ts';
import { checkPath } from '../contract/request.ts';
import { examine, type Schema, sentence } from '../contract/schema.ts';
import { isA } from '../core/thrown.ts';
import { OutputInvalid } from './errors.ts';

type Bound = Operation & At;

export const nameOf = (operation: At): string => `${operation.service}.${operation.name}`;

/** The input as the handler gets it, defaults applied. Throws `InputInvalid`, which names each field and its rule. */
export async function accept(operation: Bound, input: unknown): Promise<unknown> {
  checkPath(operation, input);
  const result = await examine(operation.input, input);
  if ('value' in result) return result.value;
  throw new InputInvalid(operation, result.findings);
}

async function promised(schema: Schema, value: unknown, what: string): Promise<unknown> {
  const result = await examine(schema, value);
  if ('value' in result) return result.value;
  throw new OutputInvalid(`${what} is not what its contract promises: ${sentence(result.findings)}`);
}

/** A handler's result as an answer. Throws `OutputInvalid` when it is not what the contract promises. */
export async function outputOf(operation: Bound, returned: unknown): Promise<Answer> {
  if (!operation.output) return { kind: 'output', output: undefined };
  return { kind: 'output', output: await promised(operation.output, returned, `the output of ${nameOf(operation)}`) };
}

/** A declared error as an answer; whatever else was thrown goes on. */
export async function declaredOf(operation: Bound, error: unknown): Promise<Answer> {
  if (!isA(error, Failure)) throw error;
  const declared = declaredErrors(operation)[error.name];
  if (!declared)
    throw new OutputInvalid(`${nameOf(operation)} failed with ${error.name}, which its contract does not declare`, { cause: error });
  const data = declared.data ? await promised(declared.data, error.data, `the data of ${nameOf(operation)}'s ${error.name}`) : undefined;
  return { kind: 'declared', name: error.name, data };
}
