import { Failure } from '../client/call.ts';

/** Why a saga is undone. */
export type Cause =
  /** A step was refused with a declared error, which says that it did not happen. */
  | { readonly kind: 'declared'; readonly step: string; readonly name: string; readonly data: unknown }
  /** A step's outcome stayed unknown over all its attempts. */
  | { readonly kind: 'failed'; readonly step: string; readonly code: string | undefined; readonly message: string }
  /** Somebody stopped it. */
  | { readonly kind: 'stopped'; readonly reason: string };

export function causeOf(step: string, error: unknown): Cause {
  if (error instanceof Failure) return { kind: 'declared', step, name: error.name, data: error.data };
  const { code } = (typeof error === 'object' && error !== null ? error : {}) as { code?: unknown };
  return {
    kind: 'failed',
    step,
    code: typeof code === 'string' ? code : undefined,
    message: error instanceof Error ? error.message : String(error),
  };
}
