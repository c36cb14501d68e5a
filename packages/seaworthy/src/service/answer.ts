import { Failure } from '../client/call.ts';
import type { Answer } from '../contract/answer.ts';
import { asJson } from '../contract/as-json.ts';
import type { Bound, Operation } from '../contract/contract.ts';
import { InputInvalid } from '../contract/input.ts';
import { declaredError } from '../contract/member.ts';
import { checkPath } from '../contract/request.ts';
import { locationOf } from '../contract/response.ts';
import { examine, examineReceived, type Finding, type Schema, sentence } from '../contract/schema.ts';
import { isA } from '../core/thrown.ts';
import { OutputInvalid, RefusalNotReturned } from './errors.ts';
import { Refusal } from './refusal.ts';

type BoundOperation = Operation & Bound;

/** Returns the full name of an operation or event: `orders.place`. */
export const nameOf = (operation: Bound): string => `${operation.service}.${operation.name}`;

/** Returns the input as the handler gets it, with its defaults. Throws `InputInvalid`, which names each field and its rule. */
export async function accept(operation: BoundOperation, input: unknown): Promise<unknown> {
  checkPath(operation, input);
  const result = await examineReceived(operation.input, input);
  if ('value' in result) return result.value;
  throw new InputInvalid(operation, result.findings);
}

/** Returns a value as it will be read from its JSON. Throws `OutputInvalid` when JSON cannot represent it. */
export function outputJson(value: unknown, what: string): unknown {
  if (value === undefined) return undefined;
  const json = asJson(value);
  if ('value' in json) return json.value;
  throw new OutputInvalid(`${what} is not JSON: ${sentence([json.fault])}`);
}

/**
 * Returns what is sent of a value: its JSON, as the schema gives it. The receiver validates it again, so it is validated twice here, too.
 * Throws `OutputInvalid`.
 */
async function promised(schema: Schema, value: unknown, what: string): Promise<unknown> {
  const broken = (findings: readonly Finding[], when = ''): OutputInvalid =>
    new OutputInvalid(`${what} breaks its contract${when}: ${sentence(findings)}`);
  const first = await examine(schema, outputJson(value, what));
  if ('findings' in first) throw broken(first.findings);
  const sent = outputJson(first.value, what);
  const received = await examine(schema, sent);
  if ('findings' in received) throw broken(received.findings, ' when its receiver validates it again');
  return sent;
}

/** Returns the answer to what a handler returned: sending it cannot fail any more. Throws `OutputInvalid` when it breaks the contract. */
export async function outputOf(operation: BoundOperation, returned: unknown): Promise<Answer> {
  const what = `the output of ${nameOf(operation)}`;
  const output = operation.output && (await promised(operation.output, returned, what));
  if (operation.location !== undefined && locationOf(operation, output) === undefined)
    throw new OutputInvalid(`${what} gives no location ${operation.location}: its fields there must not be empty, '.', '..' or very long`);
  return { kind: 'output', output };
}

async function declared(operation: BoundOperation, result: Failure | Refusal): Promise<Answer> {
  const { name } = result;
  const error = declaredError(operation, name);
  if (!error) throw new OutputInvalid(`${nameOf(operation)} failed with ${name}, which its contract does not declare`, { cause: result });
  const data = error.data ? await promised(error.data, result.data, `the data of ${nameOf(operation)}'s ${name}`) : undefined;
  return { kind: 'declared', name, data };
}

/** Returns the answer to what a command's handler returned: its output, or the error of its refusal. Throws `OutputInvalid`. */
export const answerOf = (operation: BoundOperation, returned: unknown): Promise<Answer> =>
  isA(returned, Refusal) ? declared(operation, returned) : outputOf(operation, returned);

/** Returns the answer to a declared error that a handler threw. Throws anything else again, and `RefusalNotReturned` for a refusal. */
export async function declaredOf(operation: BoundOperation, thrown: unknown): Promise<Answer> {
  if (isA(thrown, Refusal))
    throw new RefusalNotReturned(`a handler of ${nameOf(operation)} threw its refusal ${thrown.name}: write \`return refuse(...)\``);
  if (!isA(thrown, Failure)) throw thrown;
  return declared(operation, thrown);
}
