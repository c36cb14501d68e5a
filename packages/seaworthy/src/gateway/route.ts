import { Failure } from '../client/call.ts';
import type { At, Fits, Operation } from '../contract/contract.ts';
import { unreachableBy } from '../contract/fields.ts';
import type { Http } from '../contract/http.ts';
import { inputOf } from '../contract/request.ts';
import { responseOf } from '../contract/response.ts';
import { isA } from '../core/thrown.ts';
import { GatewayInvalid } from './errors.ts';
import type { Route } from './gateway.ts';

/** An operation that a gateway may call, with what it is sent. */
export type Target<S extends string, Sent, Output> = Operation<'command' | 'query', Sent, unknown, unknown, Output, unknown> & At<S>;

/**
 * Exposes one operation under a path of the gateway's own. The path's parameters are fields of its input. Throws `GatewayInvalid`
 * when path and query string cannot carry its input, or when a GET would change something.
 */
export function route<const H extends Http, S extends string, Sent>(
  http: Fits<H, NoInfer<Sent>>,
  operation: Target<S, Sent, unknown>,
): Route<S> {
  const plain = operation as unknown as Operation & At<S>;
  const wrong = unreachableBy(plain, http as Http);
  if (wrong.length > 0) throw new GatewayInvalid(`the route ${http} cannot carry what it calls: ${wrong.join('; ')}`);
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
