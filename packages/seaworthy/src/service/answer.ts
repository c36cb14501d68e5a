import { Failure } from '../client/call.ts';
import type { Answer } from '../contract/answer.ts';
import { asJson } from '../contract/as-json.ts';
import type { At, Operation } from '../contract/contract.ts';
import { InputInvalid } from '../contract/input.ts';
import { declaredError } from '../contract/member.ts';
import { checkPath } from '../contract/request.ts';
import { locationOf } from '../contract/response.ts';
import { examine, type Finding, type Schema, sentence } from '../contract/schema.ts';
import { isA } from '../core/thrown.ts';
import { OutputInvalid, RefusalNotReturned } from './errors.ts';
import { Refusal } from './refusal.ts';

type Bound = Operation & At;

export const nameOf = (operation: At): string => `${operation.service}.${operation.name}`;

/** The input as the handler gets it, defaults applied. Throws `InputInvalid`, which names each field and its rule. */
export async function accept(operation: Bound, input: unknown): Promise<unknown> {
  checkPath(operation, input);
  const result = await examine(operation.input, input);
  if ('value' in result) return result.value;
  throw new InputInvalid(operation, result.findings);
}

/** The JSON of a value, as it will be read. Throws `OutputInvalid`. */
export function outputJson(value: unknown, what: string): unknown {
  if (value === undefined) return undefined;
  const json = asJson(value);
  if ('value' in json) return json.value;
  throw new OutputInvalid(`${what} is not JSON: ${sentence([json.fault])}`);
}

/**
 * What is sent of a value: its JSON, as the schema gives it. Whoever receives it validates it once more, so that is tried as well.
 */
async function promised(schema: Schema, value: unknown, what: string): Promise<unknown> {
  const broken = (findings: readonly Finding[], when = ''): OutputInvalid =>
    new OutputInvalid(`${what} is not what its contract promises${when}: ${sentence(findings)}`);
  const first = await examine(schema, outputJson(value, what));
  if ('findings' in first) throw broken(first.findings);
  const sent = outputJson(first.value, what);
  const received = await examine(schema, sent);
  if ('findings' in received) throw broken(received.findings, ' to the one who receives it and validates it again');
  return sent;
}

/**
 * A handler's result as an answer, of which nothing can fail any more. Throws `OutputInvalid` when it is not what the contract
 * promises.
 */
export async function outputOf(operation: Bound, returned: unknown): Promise<Answer> {
  const what = `the output of ${nameOf(operation)}`;
  const output = operation.output && (await promised(operation.output, returned, what));
  if (operation.location !== undefined && locationOf(operation, output) === undefined)
    throw new OutputInvalid(`${what} gives no location ${operation.location}: its fields there cannot be empty, '.', '..' or very long`);
  return { kind: 'output', output };
}

async function declared(operation: Bound, result: Failure | Refusal): Promise<Answer> {
  const { name } = result;
  const error = declaredError(operation, name);
  if (!error) throw new OutputInvalid(`${nameOf(operation)} failed with ${name}, which its contract does not declare`, { cause: result });
  const data = error.data ? await promised(error.data, result.data, `the data of ${nameOf(operation)}'s ${name}`) : undefined;
  return { kind: 'declared', name, data };
}

/** The answer to what a command's handler returned: its output, or the declared error that it refused with. Throws `OutputInvalid`. */
export const answerOf = (operation: Bound, returned: unknown): Promise<Answer> =>
  isA(returned, Refusal) ? declared(operation, returned) : outputOf(operation, returned);

/** The answer to a declared error that a handler threw. Anything else is thrown again. */
export async function declaredOf(operation: Bound, thrown: unknown): Promise<Answer> {
  if (isA(thrown, Refusal))
    throw new RefusalNotReturned(`a handler of ${nameOf(operation)} threw its refusal ${thrown.name}: write \`return refuse(...)\``);
  if (!isA(thrown, Failure)) throw thrown;
  return declared(operation, thrown);
}
