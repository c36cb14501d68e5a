import { type Caller, type CallerParts, caller } from '../client/caller.ts';
import type { Endpoint, Transport } from '../client/transport.ts';
import { http } from '../client/transports/http.ts';
import { local } from '../client/transports/local.ts';
import { spread } from '../client/transports/spread.ts';
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
  readonly calls?: Pick<CallerParts, 'policyOf' | 'timeout'> | undefined;
}

/** Calls with policies of their own: by value in this process, over HTTP elsewhere. */
export function reach({ runtime, endpointOf, addressesOf, calls }: ReachParts): Reach {
  const transports = new Map<string, Transport>();
  function transportOf(service: string): Transport {
    const known = transports.get(service);
    if (known) return known;
    const addresses = addressesOf(service);
    const made = addresses
      ? spread(
          addresses.map((url) => http(url)),
          { runtime },
        )
      : local(service, () => endpointOf(service));
    transports.set(service, made);
    return made;
  }
  return {
    call: caller({ ...calls, runtime, transportOf }),
    close: async () => void (await Promise.all([...transports.values()].map((transport) => transport.close()))),
  };
}
