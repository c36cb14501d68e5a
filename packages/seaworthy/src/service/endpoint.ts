import type { CallRequest, Endpoint } from '../client/transport.ts';
import type { Answer } from '../contract/answer.ts';
import type { Bound, Operation } from '../contract/contract.ts';
import { problemOf, statusOf } from '../contract/problem.ts';
import { type Scope, scope } from '../core/abort.ts';
import { Deadline, DeadlineExceeded } from '../core/deadline.ts';
import { SeaworthyError } from '../core/errors.ts';
import type { Span } from '../core/observe.ts';
import { readable } from '../core/thrown.ts';
import { accept, nameOf } from './answer.ts';
import { type Received, runCommand } from './command.ts';
import type { AnyCommandContext } from './context.ts';
import { CallCancelled, HandlerFailed, KeyInProgress, OperationUnknown } from './errors.ts';
import type { ExternalDriver } from './external/driver.ts';
import { externalOf } from './handler.ts';
import { fingerprint } from './idempotency.ts';
import { currentAnswer } from './older-code.ts';
import { type AnyQueryHandler, runQuery } from './query.ts';
import type { Service } from './service.ts';
import type { UnitDeps } from './unit-of-work.ts';

export interface EndpointDeps extends UnitDeps {
  readonly service: Service;
  readonly externals: ExternalDriver;
  /** Throws `ServiceUnready` while the service does not take calls. */
  readonly admit: () => void;
}

const broken = (name: string, cause: unknown): HandlerFailed =>
  new HandlerFailed(`${name} failed: read the log of its service, which has the cause`, { cause });

function explained(name: string, thrown: unknown, caller: AbortSignal): SeaworthyError {
  if (thrown instanceof SeaworthyError) return thrown;
  if (caller.aborted) return new CallCancelled(`${name} was cancelled by its caller: it may still take effect`, { cause: thrown });
  return broken(name, thrown);
}

/** Throws an error of a handler. An invalid value in it is a fault of the service: the input of the call was accepted. */
function rethrow(operation: Bound, thrown: unknown): never {
  throw thrown instanceof SeaworthyError && thrown.kind === 'invalid' ? broken(nameOf(operation), thrown) : thrown;
}

/** An endpoint that can be drained. */
export interface Serving extends Endpoint {
  /** Waits for the calls in flight. When `signal` aborts, it aborts them, which rolls their transactions back. */
  idle(signal: AbortSignal): Promise<void>;
}

/** Returns the receiving side of a service: it answers calls of any transport, and never throws. */
export function endpoint(deps: EndpointDeps): Serving {
  const { service, runtime, externals } = deps;
  const operations = service.contract as unknown as Readonly<Record<string, Operation & Bound>>;
  const inProgress = new Set<string>();
  const inFlight = new Set<Scope>();
  let rest = (): void => {};

  async function command(call: Received): Promise<Answer> {
    const handler = service.handlers[call.operation] as (context: AnyCommandContext) => unknown;
    const outward = externalOf(handler);
    const mark = `${call.operation} ${call.key}`;
    if (inProgress.has(mark))
      throw new KeyInProgress(`${call.operation} under the key ${call.key} is still in progress: repeat the call after a while`, {
        retryAfterMs: 1000,
      });
    inProgress.add(mark);
    try {
      return await (outward ? externals.run(call, outward) : runCommand(deps, call, handler));
    } finally {
      inProgress.delete(mark);
    }
  }

  async function answer(request: CallRequest, signal: AbortSignal, span: Span): Promise<Answer> {
    const operation = operations[request.operation.name];
    if (!operation || operation.kind === ('event' as string)) {
      throw new OperationUnknown(
        `this service does not have the operation ${nameOf(request.operation)}: deploy a service before its callers`,
      );
    }
    const { key = runtime.ids.next(), input } = request;
    if (operation.kind === 'command') span.note({ key });
    const bound: CallRequest = { ...request, operation };
    const received = { operation: operation.name, key, request: bound, input: await accept(operation, input), signal, span };
    try {
      if (operation.kind === 'command') return currentAnswer(operation, await command({ ...received, fingerprint: fingerprint(input) }));
      const handler = service.handlers[operation.name] as AnyQueryHandler;
      return await runQuery(deps, { ...received, fingerprint: '' }, handler);
    } catch (thrown) {
      return rethrow(operation, readable(thrown));
    }
  }

  return {
    async handle(request) {
      const name = nameOf(request.operation);
      const span = runtime.observe.span('seaworthy_serve', { operation: name }, { kind: 'server', parent: request.trace });
      const { deadline = Deadline.after(runtime.clock, '30s') } = request;
      const late = (): unknown => new DeadlineExceeded(`${name} was not answered within its deadline: it may still take effect`);
      const work = scope({
        clock: runtime.clock,
        parents: [request.signal],
        timeout: { ms: deadline.remaining(), reason: late },
      });
      inFlight.add(work);
      try {
        deps.admit();
        deadline.check(name);
        const result = await work.race(answer(request, work.signal, span));
        if (result.kind === 'declared') span.note({ declared: result.name });
        span.end(result.kind);
        return result;
      } catch (thrown) {
        const error = explained(name, readable(thrown), request.signal);
        if (error.kind === 'internal') runtime.observe.log('error', `${name} failed`, { operation: name, error }, span.trace);
        // A mistake of the caller is not a failure of the service.
        span.end(error.kind, statusOf[error.kind][0] >= 500 ? error : undefined);
        return { kind: 'problem', problem: problemOf(error) };
      } finally {
        work.end();
        inFlight.delete(work);
        if (inFlight.size === 0) rest();
      }
    },
    async idle(signal) {
      const cut = (): void => {
        for (const work of inFlight) work.abort(signal.reason);
      };
      signal.addEventListener('abort', cut, { once: true });
      if (signal.aborted) cut();
      await new Promise<void>((resolve) => {
        rest = resolve;
        if (inFlight.size === 0) resolve();
      });
      signal.removeEventListener('abort', cut);
    },
  };
}
