import type { Answer } from '../../contract/answer.ts';
import { sendable } from '../../contract/request.ts';
import { disposable } from '../../core/disposable.ts';
import { Unreachable } from '../errors.ts';
import type { CallRequest, Endpoint, Transport } from '../transport.ts';

const byValue = (value: unknown): unknown => (value === undefined ? undefined : JSON.parse(JSON.stringify(value)));

/** Returns a transport to a service in the same process, by value as over a wire. `endpointOf` is asked at each call, since the service may start and stop. */
export function local(service: string, endpointOf: () => Endpoint | undefined): Transport & AsyncDisposable {
  let closed = false;
  return disposable({
    async send(request: CallRequest) {
      const { signal } = request;
      signal.throwIfAborted();
      const endpoint = closed ? undefined : endpointOf();
      if (!endpoint) {
        const why = closed ? `the transport to ${service} is closed` : `the service ${service} does not run in this process`;
        throw new Unreachable(why, { absent: true });
      }
      // An input that could not cross a wire is refused in the same words.
      const { json: input } = sendable(request.operation, request.input);
      const answer = await endpoint.handle({ ...request, input });
      signal.throwIfAborted();
      return byValue(answer) as Answer;
    },
    async close() {
      closed = true;
    },
  });
}
