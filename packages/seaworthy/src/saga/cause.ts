import { Failure } from '../client/call.ts';
import { asJson } from '../contract/as-json.ts';
import type { Duration } from '../core/duration.ts';
import { codeOf, textOf } from '../core/thrown.ts';

/** Why a saga is undone. */
export type Cause =
  /** A step was refused with a declared error, which says that it did not happen. */
  | { readonly kind: 'declared'; readonly step: string; readonly name: string; readonly data: unknown }
  /** A step's outcome stayed unknown over all its attempts. */
  | { readonly kind: 'failed'; readonly step: string; readonly code: string | undefined; readonly message: string }
  | Interruption;

/** Why a running saga is cut short, whichever step it is at. */
export type Interruption =
  /** Somebody stopped it; `by` is who, if that was said. */
  | { readonly kind: 'stopped'; readonly reason: string; readonly by?: string }
  /** It had not ended when its deadline for the whole passed. */
  | { readonly kind: 'late'; readonly deadline: Duration };

/** The data as it will be read again; a text in its place where JSON cannot represent it. */
function dataOf(data: unknown): unknown {
  if (data === undefined) return undefined;
  const json = asJson(data);
  return 'value' in json ? json.value : textOf(data);
}

export function causeOf(step: string, error: unknown): Cause {
  if (error instanceof Failure) return { kind: 'declared', step, name: error.name, data: dataOf(error.data) };
  const code = codeOf(error);
  return { kind: 'failed', step, code: typeof code === 'string' ? code : undefined, message: textOf(error) };
}

/** A cause in words, with the step whose fault it is: `pay was refused: NotEnough`. */
export function causeText(cause: Cause): string {
  if (cause.kind === 'stopped') return `stopped${cause.by === undefined ? '' : ` by ${cause.by}`}: ${cause.reason}`;
  if (cause.kind === 'late') return `its deadline of ${cause.deadline} has passed`;
  if (cause.kind === 'declared') return `${cause.step} was refused: ${cause.name}`;
  return `${cause.step} failed: ${cause.code === undefined ? '' : `${cause.code}: `}${cause.message}`;
}
