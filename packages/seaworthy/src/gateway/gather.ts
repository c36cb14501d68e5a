import { Failure } from '../client/call.ts';
import { CallFailed, Unreachable } from '../client/errors.ts';
import type { At, Operation } from '../contract/contract.ts';
import type { Http } from '../contract/http.ts';
import { declaredError } from '../contract/member.ts';
import { SeaworthyError } from '../core/errors.ts';
import { isA, readable } from '../core/thrown.ts';
import type { CallPlan, PartCall } from './call-plan.ts';
import type { GatewayCall, Incoming } from './gateway.ts';
import type { PartStatus } from './part.ts';

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
type PartResult = { readonly value: unknown } | Missing;

/** A declared 404 is an answer: there is none. */
function isAbsent(operation: At, error: unknown): boolean {
  if (!(error instanceof Failure)) return false;
  return declaredError(operation as Operation & At, error.name)?.status === 404;
}

const isLate = (error: unknown): boolean => error instanceof SeaworthyError && error.kind === 'deadline';

function missing(operation: At, error: unknown): Missing {
  if (isAbsent(operation, error)) return { status: 'absent', error, operation };
  return { status: isLate(error) ? 'timeout' : 'failed', error, operation };
}

/** The service refused what the request itself brought: that is for its client to hear. */
const isClientsFault = ({ needs }: PartCall, error: unknown): boolean =>
  error instanceof CallFailed && error.kind === 'invalid' && needs.length === 0;

/** Nobody failed at it: it could not be served now, and may be soon. */
const isTransient = (error: unknown): boolean =>
  error instanceof SeaworthyError && (error.kind === 'unavailable' || error.kind === 'exhausted');

const told = ({ service, name }: At): { readonly operation: string } => ({ operation: `${service}.${name}` });

/** How loudly the log is told of a part that failed; `undefined` where its client did wrong, or metrics tell enough. */
function levelOf(asAsked: boolean, error: unknown): 'warn' | 'error' | undefined {
  if (isA(error, Failure)) return undefined;
  if (isA(error, Unreachable)) return 'warn';
  if (!isA(error, SeaworthyError)) return 'error';
  if (error.kind === 'upstream' || (error.kind === 'invalid' && !asAsked)) return 'warn';
  // What broke inside a service is in its own log.
  return error.kind === 'internal' && !isA(error, CallFailed) ? 'error' : undefined;
}

/** What the parts came to; or that there is none of what was asked for, in the words of the service that should have it. */
export type Gathered =
  | { readonly values: Readonly<Record<string, unknown>>; readonly status: Readonly<Record<string, PartStatus>> }
  | { readonly none: At; readonly failure: Failure };

/**
 * CallPlan every part once, as early as what it needs is there. Throws `PartsMissing` when a required one failed, or what its
 * service said when that refused what the request brought.
 */
export async function gather(http: Http, { calls, named }: CallPlan, incoming: Incoming, call: GatewayCall): Promise<Gathered> {
  async function fetchPart({ operation, input, needs }: PartCall, before: readonly Promise<PartResult>[]): Promise<PartResult> {
    const context: Record<string, unknown> = { params: incoming.params };
    for (const { name, place } of needs) {
      const fared = (await before[place]) as PartResult;
      if (!('value' in fared)) return { ...fared, status: 'absent' };
      context[name] = fared.value;
    }
    let made: unknown;
    try {
      made = await input(context as never);
    } catch (error) {
      incoming.report('error', 'the input of a part could not be made', { ...told(operation), error });
      return missing(operation, readable(error));
    }
    try {
      return { value: await call(operation, made, { signal: incoming.signal }) };
    } catch (thrown) {
      const error = readable(thrown);
      const level = levelOf(needs.length === 0, error);
      if (level) incoming.report(level, 'a part failed', { ...told(operation), error });
      return missing(operation, error);
    }
  }

  const begun: Promise<PartResult>[] = [];
  for (const one of calls) begun.push(fetchPart(one, begun));
  const fared = await Promise.all(begun);
  const values: Record<string, unknown> = {};
  const status: Record<string, PartStatus> = {};
  for (const { name, place } of named) {
    const result = fared[place] as PartResult;
    if ('value' in result) values[name] = result.value;
    status[name] = 'value' in result ? 'ok' : result.status;
  }
  for (const { name, place, required } of named) {
    const result = fared[place] as PartResult;
    if ('value' in result || !required) continue;
    if (isAbsent(result.operation, result.error)) return { none: result.operation, failure: result.error as Failure };
    if (isClientsFault(calls[place] as PartCall, result.error)) throw result.error;
    const kind = isLate(result.error) ? 'deadline' : isTransient(result.error) ? 'unavailable' : 'upstream';
    throw new PartsMissing(
      `${http} cannot answer without its part ${name}, which ${kind === 'deadline' ? 'was too late' : 'failed'}`,
      kind,
      status,
      result.error,
    );
  }
  return { status, values };
}
