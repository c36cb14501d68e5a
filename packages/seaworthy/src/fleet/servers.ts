import type { Runtime } from '../core/runtime.ts';
import type { Gateway } from '../gateway/gateway.ts';
import { failedReply } from '../http/reply.ts';
import { type HttpRoute, type HttpServer, httpServer } from '../http/server.ts';
import { ServiceUnready } from '../service/errors.ts';
import { conditionOf, type Health, healthRoutes, metricsRoute, readiness } from '../service/health.ts';
import type { RunningService } from '../service/lifecycle.ts';
import type { Service } from '../service/service.ts';
import { operationRoutes } from '../service/transports/http.ts';
import type { FleetDocuments } from './documents.ts';
import type { StartOptions } from './options.ts';
import type { Plan } from './plan.ts';

/** All servers of one process. */
export interface Servers {
  readonly url: string | undefined;
  readonly urls: Readonly<Record<string, string>>;
  readonly operationsUrl: string | undefined;
  /** Accepts requests from now on. Before that only health, metrics and documents are answered. */
  open(): void;
  close(signal: AbortSignal): Promise<void>;
}

export interface ServersDeps {
  readonly plan: Plan;
  readonly options: StartOptions;
  readonly runtime: Runtime;
  readonly running: ReadonlyMap<string, RunningService>;
  readonly documents: FleetDocuments;
  /** Gives the routes of the gateway that runs here. */
  readonly routesOf: (gateway: Gateway) => readonly HttpRoute[];
}

/** The health of a process, and of each service in it. */
function processHealth(running: ReadonlyMap<string, RunningService>, opened: () => boolean): readonly HttpRoute[] {
  const all = [...running.values()];
  const whole: Health = {
    phase: () => all.map(({ health }) => health.phase()).find((phase) => phase !== 'ready') ?? (opened() ? 'ready' : 'starting'),
    checks: () => Object.fromEntries(all.map(({ name, health }) => [name, conditionOf(health)])),
  };
  const each = all.map(
    ({ name, health }): HttpRoute => ({ method: 'GET', path: `/health/ready/${name}`, handle: async () => readiness(health) }),
  );
  return [...healthRoutes(whole), ...each];
}

const below = (prefix: string, routes: readonly HttpRoute[]): readonly HttpRoute[] =>
  routes.map((route) => ({ ...route, path: `${prefix}${route.path}` }));

/** Listens for the gateway, for each service that has a port, and for operations. If one server fails to listen, the others are closed. */
export async function listen({ plan, options, runtime, running, documents, routesOf }: ServersDeps): Promise<Servers> {
  const { services, gateway, portOf } = plan;
  const { listen: { host, port, bodies, operations } = {}, exposition = () => '' } = options;
  const servers: HttpServer[] = [];
  let opened = false;
  const failed = (error: unknown): ReturnType<typeof failedReply> => failedReply(runtime, error);
  const gated = (routes: readonly HttpRoute[]): readonly HttpRoute[] =>
    routes.map((route) => ({
      ...route,
      async handle(request) {
        if (opened) return route.handle(request);
        return failed(new ServiceUnready('it is starting', { retryAfterMs: 1000 }));
      },
    }));
  const serve = async (routes: readonly HttpRoute[], on: number | undefined, portBy: string, at = host): Promise<string> => {
    const server = await httpServer({ routes, host: at, port: on, portBy, bodies, failed });
    servers.push(server);
    return server.url;
  };
  const close = async (signal: AbortSignal): Promise<void> => void (await Promise.all(servers.map((server) => server.close(signal))));
  /** Metrics and documents, unless they have a port of their own. */
  const beside = (what: Service['contract'] | Gateway, own: readonly HttpRoute[]): readonly HttpRoute[] =>
    operations ? [] : [metricsRoute(exposition), ...documents.of(what, own)];

  try {
    const urls: Record<string, string> = {};
    for (const service of services) {
      const one = running.get(service.contract['~contract']) as RunningService;
      const servicePort = portOf(one.name);
      if (servicePort === undefined) continue;
      const own = operationRoutes(service.contract, one.endpoint, runtime);
      const routes = [...gated(own), ...healthRoutes(one.health), ...beside(service.contract, own)];
      urls[one.name] = await serve(routes, servicePort, '`SEAWORTHY_PORTS`, or the option `listen.services`');
    }
    const health = processHealth(running, () => opened);
    let url: string | undefined;
    if (gateway) {
      const own = routesOf(gateway);
      url = await serve([...gated(own), ...health, ...beside(gateway, own)], port, '`PORT`, or the option `listen.port`');
    }
    let operationsUrl: string | undefined;
    if (operations) {
      const [lone] = services.length === 1 ? services : [];
      const first = gateway ?? lone?.contract;
      const routes = [
        ...health,
        metricsRoute(exposition),
        ...(first ? documents.of(first, []) : []),
        ...services.flatMap(({ contract }) => below(`/${contract['~contract']}`, documents.of(contract, []))),
      ];
      operationsUrl = await serve(routes, operations.port, '`SEAWORTHY_OPERATIONS`, or the option `listen.operations`', operations.host);
    }
    return {
      url,
      urls,
      operationsUrl,
      open() {
        opened = true;
      },
      close,
    };
  } catch (error) {
    await close(AbortSignal.abort(error));
    throw error;
  }
}
