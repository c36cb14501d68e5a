import type { BusDriver } from '../bus/bus.ts';
import { embedded } from '../bus/drivers/embedded.ts';
import { type Caller, caller } from '../client/caller.ts';
import type { Transport } from '../client/transport.ts';
import { local } from '../client/transports/local.ts';
import { type Duration, milliseconds } from '../core/duration.ts';
import { SeaworthyError } from '../core/errors.ts';
import { type Runtime, runtime as systemRuntime } from '../core/runtime.ts';
import { sleep } from '../core/sleep.ts';
import { gatewayRoutes } from '../gateway/serve.ts';
import { type Health, healthRoutes, metricsRoute, readiness } from '../service/health.ts';
import { type RunningService, run } from '../service/running.ts';
import { failedReply, operationRoutes } from '../service/transports/http.ts';
import { type HttpRoute, type HttpServer, httpServer } from '../service/transports/server.ts';
import { sqlite } from '../store/drivers/sqlite.ts';
import type { StoreDriver } from '../store/store.ts';
import { labelled } from '../telemetry/telemetry.ts';
import type { Fleet } from './fleet.ts';

/** The fleet did not stop within its budget; what was cut short is taken up at the next start. */
export class DrainExceeded extends SeaworthyError {
  readonly code = 'SW_DRAIN_EXCEEDED';
  readonly kind = 'deadline';
}

export interface StartOptions {
  /** Where the embedded databases live. Default `.seaworthy`. */
  readonly dir?: string;
  /** Of the gateway. Default 0: any free one. */
  readonly port?: number;
  /** Default `127.0.0.1`. */
  readonly host?: string;
  /** Whether each service listens on a port of its own too. Default false. */
  readonly ports?: boolean;
  /** How long a stop may take. Default 10 s. */
  readonly drain?: Duration;
  /** How long it serves on after it said that it is unready, until whoever routes to it has seen that. Default 0 s. */
  readonly grace?: Duration;
  readonly runtime?: Runtime;
  /** Metrics for `/metrics`. Default none. */
  readonly exposition?: () => string;
  /** Default embedded SQLite in `dir`. */
  readonly store?: StoreDriver;
  /** Default the embedded log in `dir`. */
  readonly bus?: BusDriver;
}

/** A fleet at work in this process. */
export interface RunningFleet {
  /** Of the gateway; `undefined` without one. */
  readonly url: string | undefined;
  /** Of each service that has a port of its own. */
  readonly urls: Readonly<Record<string, string>>;
  /** Calls operations as the gateway would. */
  readonly call: Caller;
  /** Unready first; after the grace it takes nothing new, drains within the budget, and closes. Nothing in hand counts as failed. */
  stop(): Promise<void>;
}

/** A caller, with policies of its own, that reaches services in this process. */
function calling(runtime: Runtime, services: ReadonlyMap<string, RunningService>): Caller {
  const transports = new Map<string, Transport>();
  return caller({
    runtime,
    transportOf(service) {
      const transport = transports.get(service) ?? local(service, () => services.get(service)?.endpoint);
      transports.set(service, transport);
      return transport;
    },
  });
}

function listening(running: ReadonlyMap<string, RunningService>, exposition: () => string): readonly HttpRoute[] {
  const all: Health = {
    phase: () => [...running.values()].map(({ health }) => health.phase()).find((phase) => phase !== 'ready') ?? 'ready',
    checks: () => Object.fromEntries([...running.values()].map(({ name, health }) => [name, health.phase() === 'ready'])),
  };
  const each = [...running.values()].map(
    ({ name, health }): HttpRoute => ({ method: 'GET', path: `/health/ready/${name}`, handle: async () => readiness(health) }),
  );
  return [...healthRoutes(all), ...each, metricsRoute(exposition)];
}

/** Runs all services of a fleet, and its gateway, in this process. Resolves once they are ready; what fails to start stops the rest. */
export async function start(fleet: Fleet, options: StartOptions = {}): Promise<RunningFleet> {
  const { dir = '.seaworthy', host, port, drain = '10s', grace = '0s', runtime = systemRuntime(), exposition = () => '' } = options;
  const drainMs = milliseconds(drain, 'drain');
  const graceMs = milliseconds(grace, 'grace');
  const bus = await (options.bus ?? embedded({ dir })).open(labelledRuntime(runtime, 'bus'));
  const running = new Map<string, RunningService>();
  const servers: HttpServer[] = [];
  const failed = (error: unknown): ReturnType<typeof failedReply> => failedReply(runtime, error);

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
    await bus.close();
    timer.cancel();
  }

  try {
    const store = options.store ?? sqlite({ dir });
    for (const service of fleet.services) {
      const name = service.contract['~contract'];
      const own = labelledRuntime(runtime, name);
      running.set(name, await run(service, { runtime: own, store, bus, call: calling(own, running) }));
    }
    const call = calling(labelledRuntime(runtime, 'gateway'), running);
    const urls: Record<string, string> = {};
    if (options.ports) {
      for (const service of fleet.services) {
        const one = running.get(service.contract['~contract']) as RunningService;
        const routes = [...operationRoutes(service, one.endpoint, runtime), ...healthRoutes(one.health), metricsRoute(exposition)];
        const server = await httpServer({ routes, host, failed });
        servers.push(server);
        urls[one.name] = server.url;
      }
    }
    for (const service of running.values()) await service.begin();
    let url: string | undefined;
    if (fleet.gateway) {
      const routes = [
        ...gatewayRoutes(fleet.gateway, { runtime: labelledRuntime(runtime, 'gateway'), call }),
        ...listening(running, exposition),
      ];
      const server = await httpServer({ routes, host, port, failed });
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
