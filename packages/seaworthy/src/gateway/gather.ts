import { Failure } from '../client/call.ts';
import { CallFailed, Unreachable } from '../client/errors.ts';
import type { Bound, Operation } from '../contract/contract.ts';
import type { Http } from '../contract/http.ts';
import { declaredError } from '../contract/member.ts';
import { SeaworthyError } from '../core/errors.ts';
import { isA, readable } from '../core/thrown.ts';
import type { CallPlan, PartCall } from './call-plan.ts';
import type { GatewayCall, Incoming } from './gateway.ts';
import type { PartStatus } from './part.ts';

/** A required part of an aggregate is missing. `parts` has the status of each part. */
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
  /** The operation that failed: that of another part, when this one needs it. */
  readonly operation: Bound;
}
type PartResult = { readonly value: unknown } | Missing;

/** A declared 404 is an answer: the thing does not exist. */
function isAbsent(operation: Bound, error: unknown): boolean {
  if (!(error instanceof Failure)) return false;
  return declaredError(operation as Operation & Bound, error.name)?.status === 404;
}

const isLate = (error: unknown): boolean => error instanceof SeaworthyError && error.kind === 'deadline';

function missing(operation: Bound, error: unknown): Missing {
  if (isAbsent(operation, error)) return { status: 'absent', error, operation };
  return { status: isLate(error) ? 'timeout' : 'failed', error, operation };
}

/** Whether the service refused the input of the request itself, so that the client should get the refusal. */
const isClientsFault = ({ needs }: PartCall, error: unknown): boolean =>
  error instanceof CallFailed && error.kind === 'invalid' && needs.length === 0;

/** Whether the call could not be served now, and may be served soon. */
const isTransient = (error: unknown): boolean =>
  error instanceof SeaworthyError && (error.kind === 'unavailable' || error.kind === 'exhausted');

const attributesOf = ({ service, name }: Bound): { readonly operation: string } => ({ operation: `${service}.${name}` });

/** The log level of a part that failed; `undefined` for a mistake of the client, and where metrics say enough. */
function levelOf(asAsked: boolean, error: unknown): 'warn' | 'error' | undefined {
  if (isA(error, Failure)) return undefined;
  if (isA(error, Unreachable)) return 'warn';
  if (!isA(error, SeaworthyError)) return 'error';
  if (error.kind === 'upstream' || (error.kind === 'invalid' && !asAsked)) return 'warn';
  // The service itself has logged its internal errors.
  return error.kind === 'internal' && !isA(error, CallFailed) ? 'error' : undefined;
}

/** The values and states of the parts; or the declared 404 of a required part, which is the answer to the request. */
export type Gathered =
  | { readonly values: Readonly<Record<string, unknown>>; readonly status: Readonly<Record<string, PartStatus>> }
  | { readonly none: Bound; readonly failure: Failure };

/**
 * Makes every call of the plan once, as soon as the results that it needs are there. Throws `PartsMissing` when a required part failed,
 * or the error of its service when that refused the input of the request.
 */
export async function gather(http: Http, { calls, named }: CallPlan, incoming: Incoming, call: GatewayCall): Promise<Gathered> {
  async function fetchPart({ operation, input, needs }: PartCall, before: readonly Promise<PartResult>[]): Promise<PartResult> {
    const context: Record<string, unknown> = { params: incoming.params };
    for (const { name, index } of needs) {
      const result = (await before[index]) as PartResult;
      if (!('value' in result)) return { ...result, status: 'absent' };
      context[name] = result.value;
    }
    let made: unknown;
    try {
      made = await input(context as never);
    } catch (error) {
      incoming.report('error', 'the input function of a part threw', { ...attributesOf(operation), error });
      return missing(operation, readable(error));
    }
    try {
      return { value: await call(operation, made, { signal: incoming.signal }) };
    } catch (thrown) {
      const error = readable(thrown);
      const level = levelOf(needs.length === 0, error);
      if (level) incoming.report(level, 'a part failed', { ...attributesOf(operation), error });
      return missing(operation, error);
    }
  }

  const begun: Promise<PartResult>[] = [];
  for (const one of calls) begun.push(fetchPart(one, begun));
  const results = await Promise.all(begun);
  const values: Record<string, unknown> = {};
  const status: Record<string, PartStatus> = {};
  for (const { name, index } of named) {
    const result = results[index] as PartResult;
    if ('value' in result) values[name] = result.value;
    status[name] = 'value' in result ? 'ok' : result.status;
  }
  for (const { name, index, required } of named) {
    const result = results[index] as PartResult;
    if ('value' in result || !required) continue;
    if (isAbsent(result.operation, result.error)) return { none: result.operation, failure: result.error as Failure };
    if (isClientsFault(calls[index] as PartCall, result.error)) throw result.error;
    const kind = isLate(result.error) ? 'deadline' : isTransient(result.error) ? 'unavailable' : 'upstream';
    throw new PartsMissing(
      `${http} cannot answer without its required part ${name}, which ${kind === 'deadline' ? 'was too late' : 'failed'}: try again, or make it optional`,
      kind,
      status,
      result.error,
    );
  }
  return { status, values };
}
