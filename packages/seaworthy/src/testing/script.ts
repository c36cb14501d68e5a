import { Failure, reply } from '../client/call.ts';
import type { Caller, CallOptions } from '../client/caller.ts';
import { Unreachable } from '../client/errors.ts';
import type { Bound, Operation } from '../contract/contract.ts';
import { GivenInvalid } from './errors.ts';

type Fails<E> = { [K in keyof E & string]: { readonly fails: K; readonly data?: E[K] } }[keyof E & string];

/** A scripted answer: an output, a declared error, `unknown` (the call fails and its outcome is unknown), or `nothing` (no answer ever comes). */
export type Scripted<Output, E> = { readonly answers: Output } | Fails<E> | 'unknown' | 'nothing';

/** A call that the service made. */
export interface RecordedCall {
  readonly operation: string;
  readonly input: unknown;
}

export const nameOf = ({ service, name }: { readonly service: string; readonly name: string }): string => `${service}.${name}`;

/** Makes a caller that answers by the scripts. An operation without output needs none. */
export function scripted(
  scripts: ReadonlyMap<string, readonly unknown[]>,
  calls: RecordedCall[],
  missing: (error: GivenInvalid) => void,
): Caller {
  const counts = new Map<string, number>();
  async function answer(operation: Operation & Bound, { signal }: CallOptions): Promise<unknown> {
    const name = nameOf(operation);
    const script = scripts.get(name);
    const index = counts.get(name) ?? 0;
    counts.set(name, index + 1);
    if (!script?.length && operation.output) {
      const error = new GivenInvalid(`${name} was called and has no scripted answer: script it with \`when\``);
      missing(error);
      throw error;
    }
    const said = (script?.[index] ?? script?.at(-1)) as Scripted<unknown, Record<string, unknown>> | undefined;
    if (said === 'unknown') throw new Unreachable(`${name} was called: its outcome is unknown`);
    if (said === 'nothing')
      return new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason), { once: true }));
    if (said && 'fails' in said) throw new Failure(said.fails, said.data);
    return said?.answers;
  }
  return (operation, input, options = {}) => {
    calls.push({ operation: nameOf(operation as unknown as Operation & Bound), input });
    return reply(answer(operation as unknown as Operation & Bound, options) as Promise<never>, operation.errors as object);
  };
}
