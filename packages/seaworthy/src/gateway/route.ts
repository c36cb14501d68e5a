import { Failure } from '../client/call.ts';
import type { Bound, Fits, Member, Operation } from '../contract/contract.ts';
import type { Http } from '../contract/http.ts';
import { unreachableBy } from '../contract/http-fields.ts';
import { inputOf } from '../contract/request.ts';
import { responseOf } from '../contract/response.ts';
import { isA } from '../core/thrown.ts';
import { GatewayInvalid } from './errors.ts';
import type { Route } from './gateway.ts';

/** An operation that a gateway may call. */
export type Target<S extends string, Sent, Output> = Operation<'command' | 'query', Sent, unknown, unknown, Output, unknown> & Bound<S>;

/** The operation itself, or a sentence instead of it when it is an event, or is not a member of a contract. */
type Routable<Op> = Op extends Operation & Bound ? Op : 'a route leads to a command or a query of a contract';
/** Checks the path against the input. Without an operation the path is not the mistake. */
type Path<H extends Http, Op> = Op extends Operation<'command' | 'query', infer Sent> ? Fits<H, Sent> : H;

/**
 * Exposes one operation under a path of the gateway's own. The path's parameters are fields of its input. Throws `GatewayInvalid`
 * for an event, when path and query string cannot carry the input, or when a GET would change something.
 */
export function route<const H extends Http, Op extends Member & Bound>(
  http: Path<H, NoInfer<Op>>,
  operation: Routable<Op>,
): Route<Op['service']> {
  const plain = operation as unknown as Operation & Bound<Op['service']>;
  if (plain.service === undefined || (plain.kind !== 'command' && plain.kind !== 'query')) {
    const { service, name, kind } = operation as Member & Bound;
    const what = service !== undefined && kind === 'event' ? `the event ${service}.${name}` : 'something that is not in a contract';
    throw new GatewayInvalid(`the route ${http} leads to ${what}: a route leads to a command or a query of a contract`);
  }
  const wrong = unreachableBy(plain, http as Http);
  if (wrong.length > 0) throw new GatewayInvalid(`the route ${http} cannot carry the input of its operation: ${wrong.join('; ')}`);
  return {
    http: http as Http,
    targets: [plain],
    shows: { kind: 'operation', operation: plain },
    async run(incoming, call) {
      const input = inputOf(plain, incoming, http as Http);
      try {
        const output = await call(plain, input, { key: incoming.key, signal: incoming.signal });
        return responseOf(plain, { kind: 'output', output });
      } catch (error) {
        if (isA(error, Failure)) return responseOf(plain, { kind: 'declared', name: error.name, data: error.data });
        throw error;
      }
    },
  };
}
