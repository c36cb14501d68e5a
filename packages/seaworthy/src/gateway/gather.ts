import { Failure } from '../client/call.ts';
import { CallFailed } from '../client/errors.ts';
import type { At, Operation } from '../contract/contract.ts';
import type { Http } from '../contract/http.ts';
import { declaredErrors } from '../contract/member.ts';
import { SeaworthyError } from '../core/errors.ts';
import type { GatewayCall, Incoming } from './gateway.ts';
import type { Part, PartStatus, Parts } from './part.ts';

/** A part without which an aggregate cannot answer is missing; `parts` says how each fared. */
export class PartsMissing extends SeaworthyError {
  readonly code = 'SW_GATEWAY_PARTS_MISSING';
  readonly kind: 'deadline' | 'unavailable' | 'upstream';
  readonly parts: Readonly<Record<string, PartStatus>>;

  constructor(message: string, kind: PartsMissing['kind'], parts: Readonly<Record<string, PartStatus>>, cause: unknown) {
    super(message, { cause, retryAfterMs: cause instanceof SeaworthyError ? cause.retryAfterMs : undefined });
    this.kind = kind;
    this.parts = parts;
  }
}

interface Missing {
  readonly status: Exclude<PartStatus, 'ok'>;
  readonly error: unknown;
  /** Whose error it is: another part's, when this one hangs on it. */
  readonly operation: At;
}
type Fared = { readonly value: unknown } | Missing;
type AnyPart = Part<string, unknown, boolean>;

/** A declared 404 is an answer: there is none. */
function isAbsent(operation: At, error: unknown): boolean {
  if (!(error instanceof Failure)) return false;
  return declaredErrors(operation as Operation & At)[error.name]?.status === 404;
}

const isLate = (error: unknown): boolean => error instanceof SeaworthyError && error.kind === 'deadline';

function missing(operation: At, error: unknown): Missing {
  if (isAbsent(operation, error)) return { status: 'absent', error, operation };
  return { status: isLate(error) ? 'timeout' : 'failed', error, operation };
}

/** The service refused what the request itself brought: that is for its client to hear. */
const isClientsFault = ({ after }: AnyPart, error: unknown): boolean =>
  error instanceof CallFailed && error.kind === 'invalid' && Object.keys(after).length === 0;

/** Nobody failed at it: it could not be served now, and may be soon. */
const comesBack = (error: unknown): boolean =>
  error instanceof SeaworthyError && (error.kind === 'unavailable' || error.kind === 'exhausted');

/** What the parts came to; or that there is none of what was asked for, in the words of the service that should have it. */
export type Gathered =
  | { readonly values: Readonly<Record<string, unknown>>; readonly status: Readonly<Record<string, PartStatus>> }
  | { readonly none: At; readonly failure: Failure };

/**
 * Calls every part once, as early as what it needs is there. Throws `PartsMissing` when a required one failed, or what its
 * service said when that refused what the request brought.
 */
export async function gather(http: Http, parts: Parts, incoming: Incoming, call: GatewayCall): Promise<Gathered> {
  const running = new Map<At, Map<AnyPart['input'], Promise<Fared>>>();

  async function fetchPart(part: AnyPart): Promise<Fared> {
    const needed = Object.entries(part.after);
    const context: Record<string, unknown> = { params: incoming.params };
    for (const [name, fared] of await Promise.all(needed.map(async ([name, other]) => [name, await fare(other)] as const))) {
      if (!('value' in fared)) return { ...fared, status: 'absent' };
      context[name] = fared.value;
    }
    try {
      return { value: await call(part.operation, part.input(context as never), { signal: incoming.signal }) };
    } catch (error) {
      return missing(part.operation, error);
    }
  }

  /** `part(...)` and `part(...).optional()` are the same call. */
  function fare(part: AnyPart): Promise<Fared> {
    const calls = running.get(part.operation) ?? new Map<AnyPart['input'], Promise<Fared>>();
    running.set(part.operation, calls);
    const begun = calls.get(part.input) ?? fetchPart(part);
    calls.set(part.input, begun);
    return begun;
  }

  const fared = await Promise.all(Object.entries(parts).map(async ([name, part]) => [name, part, await fare(part)] as const));
  const status = Object.fromEntries(fared.map(([name, , part]) => [name, 'value' in part ? 'ok' : part.status] as const));
  for (const [name, part, result] of fared) {
    if ('value' in result || !part.required) continue;
    if (isAbsent(result.operation, result.error)) return { none: result.operation, failure: result.error as Failure };
    if (isClientsFault(part, result.error)) throw result.error;
    const kind = isLate(result.error) ? 'deadline' : comesBack(result.error) ? 'unavailable' : 'upstream';
    throw new PartsMissing(
      `${http} cannot answer without its part ${name}, which ${kind === 'deadline' ? 'was too late' : 'failed'}`,
      kind,
      status,
      result.error,
    );
  }
  return { status, values: Object.fromEntries(fared.flatMap(([name, , part]) => ('value' in part ? [[name, part.value]] : []))) };
}
