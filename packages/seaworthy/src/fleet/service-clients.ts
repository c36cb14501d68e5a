import { type CallPolicies, type ClosableCaller, caller } from '../client/caller.ts';
import type { InstanceSource } from '../client/instance-source.ts';
import type { Endpoint } from '../client/transport.ts';
import { local } from '../client/transports/local.ts';
import type { Runtime } from '../core/runtime.ts';

export interface ServiceClientDeps {
  readonly runtime: Runtime;
  /** Gives the endpoint of a service in this process. */
  readonly endpointOf: (service: string) => Endpoint | undefined;
  /** The instances of those that are not. */
  readonly elsewhere: ReadonlyMap<string, InstanceSource>;
  readonly calls?: CallPolicies | undefined;
}

/** Calls from one service, or from the gateway, to all others: by value in this process, over HTTP elsewhere. Without others no HTTP client is loaded. */
export async function serviceClient({ runtime, endpointOf, elsewhere, calls }: ServiceClientDeps): Promise<ClosableCaller> {
  const client = elsewhere.size > 0 ? await import('../client/transports/http.ts') : undefined;
  return caller({
    ...calls,
    runtime,
    transportOf(service) {
      const source = elsewhere.get(service);
      return client && source ? { source, connect: ({ at }) => client.http(at) } : local(service, () => endpointOf(service));
    },
  });
}
