import type { Answer } from '../../contract/answer.ts';
import { sendable } from '../../contract/request.ts';
import { Unreachable } from '../errors.ts';
import type { Endpoint, Transport } from '../transport.ts';

const byValue = (value: unknown): unknown => (value === undefined ? undefined : JSON.parse(JSON.stringify(value)));

/** Calls a service in the same process, by value as over a wire. `endpointOf` finds it at each call, since it may come and go. */
export function local(service: string, endpointOf: () => Endpoint | undefined): Transport {
  return {
    async send(attempt) {
      const endpoint = endpointOf();
      if (!endpoint) throw new Unreachable(`the service ${service} does not run in this process`, { absent: true });
      // What would not come over a wire is refused in the same words.
      const { json: input } = sendable(attempt.operation, attempt.input);
      return byValue(await endpoint.handle({ ...attempt, input })) as Answer;
    },
    close: async () => {},
  };
}
