import type { Answer } from '../../contract/answer.ts';
import { writeInput } from '../../contract/input.ts';
import { Unreachable } from '../errors.ts';
import type { Attempt, Endpoint, Transport } from '../transport.ts';

const byValue = (value: unknown): unknown => (value === undefined ? undefined : JSON.parse(JSON.stringify(value)));

/** What would not come over a wire is refused in the same words. */
function inputOf({ operation, input }: Attempt): unknown {
  return input === undefined ? undefined : JSON.parse(writeInput(operation, input));
}

/** Calls a service in the same process, by value as over a wire. `endpointOf` finds it at each call, since it may come and go. */
export function local(service: string, endpointOf: () => Endpoint | undefined): Transport {
  return {
    async send(attempt) {
      const endpoint = endpointOf();
      if (!endpoint) throw new Unreachable(`the service ${service} does not run in this process`, { absent: true });
      return byValue(await endpoint.handle({ ...attempt, input: inputOf(attempt) })) as Answer;
    },
    close: async () => {},
  };
}
