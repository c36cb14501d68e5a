import { Failure } from '../client/call.ts';
import { codeOf, textOf } from '../core/thrown.ts';

/** Why a saga is undone. */
export type Cause =
  /** A step was refused with a declared error, which says that it did not happen. */
  | { readonly kind: 'declared'; readonly step: string; readonly name: string; readonly data: unknown }
  /** A step's outcome stayed unknown over all its attempts. */
  | { readonly kind: 'failed'; readonly step: string; readonly code: string | undefined; readonly message: string }
  /** Somebody stopped it. */
  | { readonly kind: 'stopped'; readonly reason: string };

/** The data as it will be read again; a text in its place where JSON cannot represent it. */
function asJson(data: unknown): unknown {
  try {
    const json = JSON.stringify(data);
    return json === undefined ? undefined : JSON.parse(json);
  } catch {
    return textOf(data);
  }
}

export function causeOf(step: string, error: unknown): Cause {
  if (error instanceof Failure) return { kind: 'declared', step, name: error.name, data: asJson(error.data) };
  const code = codeOf(error);
  return { kind: 'failed', step, code: typeof code === 'string' ? code : undefined, message: textOf(error) };
}
