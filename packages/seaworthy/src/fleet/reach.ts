import { type Caller, type CallerParts, caller } from '../client/caller.ts';
import type { Endpoint, Transport } from '../client/transport.ts';
import { http } from '../client/transports/http.ts';
import { local } from '../client/transports/local.ts';
import type { Runtime } from '../core/runtime.ts';

/** The way from one service, or the gateway, to all others. */
export interface Reach {
  readonly call: Caller;
  close(): Promise<void>;
}

export interface ReachParts {
  readonly runtime: Runtime;
  /** Of a service in this process. */
  readonly endpointOf: (service: string) => Endpoint | undefined;
  /** Of the instances of one that is not. */
  readonly addressesOf: (service: string) => readonly string[] | undefined;
  readonly calls?: Pick<CallerParts, 'policyOf' | 'guardOf' | 'timeout'> | undefined;
}

/** Calls with policies of their own: by value in this process, over HTTP elsewhere. */
export function reach({ runtime, endpointOf, addressesOf, calls }: ReachParts): Reach {
  const opened: Transport[] = [];
  const open = (transport: Transport): Transport => {
    opened.push(transport);
    return transport;
  };
  return {
    call: caller({
      ...calls,
      runtime,
      transportOf: (service) =>
        addressesOf(service)?.map((at) => ({ at, transport: open(http(at)) })) ?? local(service, () => endpointOf(service)),
    }),
    close: async () => void (await Promise.all(opened.map((transport) => transport.close()))),
  };
}
