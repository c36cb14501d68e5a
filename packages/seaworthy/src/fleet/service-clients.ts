import { type Caller, type CallerParts, caller } from '../client/caller.ts';
import type { Endpoint, Transport } from '../client/transport.ts';
import { local } from '../client/transports/local.ts';
import type { Runtime } from '../core/runtime.ts';

/** The way from one service, or the gateway, to all others. */
export interface ServiceClient {
  readonly call: Caller;
  close(): Promise<void>;
}

export interface ServiceClientDeps {
  readonly runtime: Runtime;
  /** Of a service in this process. */
  readonly endpointOf: (service: string) => Endpoint | undefined;
  /** The addresses of the instances of those that are not. */
  readonly elsewhere: ReadonlyMap<string, readonly string[]>;
  readonly calls?: Pick<CallerParts, 'policyOf' | 'guardOf' | 'timeout'> | undefined;
}

/** Calls with policies of their own: by value in this process, over HTTP elsewhere. Who has all here loads no HTTP client. */
export async function serviceClient({ runtime, endpointOf, elsewhere, calls }: ServiceClientDeps): Promise<ServiceClient> {
  const client = elsewhere.size > 0 ? await import('../client/transports/http.ts') : undefined;
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
        (client && elsewhere.get(service)?.map((at) => ({ at, transport: open(client.http(at)) }))) ??
        local(service, () => endpointOf(service)),
    }),
    close: async () => void (await Promise.all(opened.map((transport) => transport.close()))),
  };
}
