import { embedded } from '../bus/drivers/embedded.ts';
import type { Caller } from '../client/caller.ts';
import { milliseconds } from '../core/duration.ts';
import { SeaworthyError } from '../core/errors.ts';
import { type Runtime, runtime as systemRuntime } from '../core/runtime.ts';
import { sleep } from '../core/sleep.ts';
import { gatewayRoutes } from '../gateway/serve.ts';
import { conditionOf, type Health, healthRoutes, metricsRoute, readiness } from '../service/health.ts';
import { type RunningService, run } from '../service/running.ts';
import { failedReply, operationRoutes } from '../service/transports/http.ts';
import { type HttpRoute, type HttpServer, httpServer } from '../service/transports/server.ts';
import { sqlite } from '../store/drivers/sqlite.ts';
import { labelled } from '../telemetry/labelled.ts';
import { documentsOf } from './documents.ts';
import type { Fleet } from './fleet.ts';
import type { StartOptions } from './options.ts';
import { plan } from './plan.ts';
import { type Reach, reach } from './reach.ts';

/** The fleet did not stop within its budget; what was cut short is taken up at the next start. */
export class DrainExceeded extends SeaworthyError {
  readonly code = 'SW_DRAIN_EXCEEDED';
  readonly kind = 'deadline';
}

/** A fleet, or a part of it, at work in this process. */
export interface RunningFleet {
  /** Of the gateway; `undefined` when it does not run here. */
  readonly url: string | undefined;
  /** Of each service that has a port of its own. */
  readonly urls: Readonly<Record<string, string>>;
  /** Calls operations as the gateway would. */
  readonly call: Caller;
  /** Unready first; after the grace it takes nothing new, drains within the budget, and closes. Nothing in hand counts as failed. */
  stop(): Promise<void>;
}

function listening(running: ReadonlyMap<string, RunningService>, exposition: () => string): readonly HttpRoute[] {
  const all: Health = {
    phase: () => [...running.values()].map(({ health }) => health.phase()).find((phase) => phase !== 'ready') ?? 'ready',
    checks: () => Object.fromEntries([...running.values()].map(({ name, health }) => [name, conditionOf(health)])),
  };
  const each = [...running.values()].map(
    ({ name, health }): HttpRoute => ({ method: 'GET', path: `/health/ready/${name}`, handle: async () => readiness(health) }),
  );
  return [...healthRoutes(all), ...each, metricsRoute(exposition)];
}

/** What fails is told to somebody, also where nobody asked for telemetry. Who has telemetry of his own loads no log here. */
async function logging(level: StartOptions['logLevel'] = 'info'): Promise<Runtime> {
  if (level === 'silent') return systemRuntime();
  const { logsAlone } = await import('../telemetry/logs.ts');
  return systemRuntime({ observe: logsAlone({ level }) });
}

/**
 * Runs the services of a fleet and its gateway in this process, or those that `only` names. Resolves once they are ready;
 * what fails to start stops the rest. Throws `FleetInvalid` when something is called that neither runs here nor has an address.
 */
export async function start(fleet: Fleet, options: StartOptions = {}): Promise<RunningFleet> {
  const { dir = '.seaworthy', host, bodies, drain = '10s', grace = '0s', exposition = () => '' } = options;
  const { services, gateway, elsewhere, portOf } = plan(fleet, options);
  const runtime = options.runtime ?? (await logging(options.logLevel));
  const documents = documentsOf(fleet, options.documents);
  const drainMs = milliseconds(drain, 'drain');
  const graceMs = milliseconds(grace, 'grace');
  const bus = await (options.bus ?? embedded({ dir })).open(labelledRuntime(runtime, 'bus'));
  const running = new Map<string, RunningService>();
  const servers: HttpServer[] = [];
  const reaches: Reach[] = [];
  const failed = (error: unknown): ReturnType<typeof failedReply> => failedReply(runtime, error);
  const reachFrom = async (own: Runtime): Promise<Reach> => {
    const made = await reach({ runtime: own, endpointOf: (name) => running.get(name)?.endpoint, elsewhere, calls: options.calls });
    reaches.push(made);
    return made;
  };

  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    stopped ??= stopAll();
    return stopped;
  };

  async function stopAll(): Promise<void> {
    for (const service of running.values()) service.retire();
    if (graceMs > 0) await sleep(runtime.clock, graceMs);
    const budget = new AbortController();
    const timer = runtime.clock.after(drainMs, () =>
      budget.abort(new DrainExceeded(`the fleet did not stop within ${drain}: the rest is taken up at the next start`)),
    );
    const all = [...running.values()];
    await Promise.all([...servers.map((server) => server.close(budget.signal)), ...all.map((service) => service.quiesce(budget.signal))]);
    await Promise.all(all.map((service) => service.close(budget.signal)));
    await Promise.all(reaches.map((one) => one.close()));
    await bus.close();
    timer.cancel();
  }

  try {
    const store = options.store ?? sqlite({ dir });
    for (const service of services) {
      const name = service.contract['~contract'];
      const own = labelledRuntime(runtime, name);
      const { call } = await reachFrom(own);
      running.set(name, await run(service, { ...options, runtime: own, store, bus, call }));
    }
    const urls: Record<string, string> = {};
    for (const service of services) {
      const one = running.get(service.contract['~contract']) as RunningService;
      const port = portOf(one.name);
      if (port === undefined) continue;
      const own = operationRoutes(service, one.endpoint, runtime);
      const routes = [...own, ...healthRoutes(one.health), metricsRoute(exposition), ...documents.of(service.contract, own)];
      const server = await httpServer({ routes, host, port, bodies, portBy: '`SEAWORTHY_PORTS`, or the option `ports`', failed });
      servers.push(server);
      urls[one.name] = server.url;
    }
    for (const service of running.values()) await service.begin();
    const own = labelledRuntime(runtime, 'gateway');
    const { call } = await reachFrom(own);
    let url: string | undefined;
    if (gateway) {
      const outer = gatewayRoutes(gateway, { runtime: own, call, timeout: options.requestTimeout, trust: options.trust });
      const routes = [...outer, ...listening(running, exposition), ...documents.of(gateway, outer)];
      const server = await httpServer({ routes, host, bodies, port: options.port, portBy: '`PORT`, or the option `port`', failed });
      servers.push(server);
      url = server.url;
    }
    return { url, urls, call, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

const labelledRuntime = (runtime: Runtime, service: string): Runtime => ({ ...runtime, observe: labelled(runtime.observe, { service }) });
