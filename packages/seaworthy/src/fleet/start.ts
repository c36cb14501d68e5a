import { embedded } from '../bus/drivers/embedded.ts';
import type { Caller, ClosableCaller } from '../client/caller.ts';
import { milliseconds } from '../core/duration.ts';
import { inTurn, together } from '../core/ends.ts';
import { SeaworthyError } from '../core/errors.ts';
import { checkOptions } from '../core/options.ts';
import { type Runtime, runtime as systemRuntime } from '../core/runtime.ts';
import { sleep } from '../core/sleep.ts';
import type { Gateway } from '../gateway/gateway.ts';
import { gatewayRoutes } from '../gateway/serve.ts';
import type { HttpRoute } from '../http/server.ts';
import { type RunningService, run } from '../service/lifecycle.ts';
import { sqlite } from '../store/drivers/sqlite.ts';
import { labelled } from '../telemetry/labelled.ts';
import { documentsOf } from './documents.ts';
import type { Fleet } from './fleet.ts';
import { keepAlive } from './keep-alive.ts';
import { type StartOptions, startNames } from './options.ts';
import { type Plan, plan } from './plan.ts';
import { listen, type Servers } from './servers.ts';
import { serviceClient } from './service-clients.ts';
import { prepareBus } from './topology.ts';

/** The fleet did not stop within `shutdown.drain`. The next start continues what was cut short. */
export class DrainExceeded extends SeaworthyError {
  readonly code = 'SW_DRAIN_EXCEEDED';
  readonly kind = 'deadline';
}

/** A fleet, or a part of it, at work in this process. */
export interface RunningFleet extends AsyncDisposable {
  /** The address of the gateway; `undefined` when it does not run here. */
  readonly url: string | undefined;
  /** The address of each service that has a port of its own. */
  readonly urls: Readonly<Record<string, string>>;
  /** The address of health, metrics and documents, where these have a port of their own. */
  readonly operationsUrl: string | undefined;
  /** Calls operations as the gateway would. */
  readonly call: Caller;
  /** Stops the fleet: it becomes unready, waits for the grace, takes nothing new, drains within the budget, and closes. Work in flight does not count as failed. */
  stop(): Promise<void>;
}

/** Makes a runtime that logs failures, for a fleet without telemetry of its own. With telemetry, no log is loaded here. */
async function logging(level: StartOptions['logLevel'] = 'info'): Promise<Runtime> {
  if (level === 'silent') return systemRuntime();
  const { logsAlone } = await import('../telemetry/logs.ts');
  return systemRuntime({ observe: logsAlone({ level }) });
}

/**
 * Runs the services of a fleet and its gateway in this process, or those that `only` names. Resolves once they are ready, and
 * keeps the process alive until `stop` has finished. Accepts nothing before everything that could refuse the start is checked. If one
 * part fails to start, the others are stopped. Throws `FleetInvalid` when something is called that neither runs here nor has an address,
 * and `OptionUnknown` for an option of another name.
 */
export async function start(fleet: Fleet, options: StartOptions = {}): Promise<RunningFleet> {
  checkOptions('start', options, startNames);
  const planned = plan(fleet, options);
  const runtime = options.runtime ?? (await logging(options.logLevel));
  const release = keepAlive(runtime.clock);
  try {
    return await startOn(fleet, options, planned, runtime, release);
  } catch (error) {
    release();
    throw error;
  }
}

async function startOn(fleet: Fleet, options: StartOptions, planned: Plan, runtime: Runtime, release: () => void): Promise<RunningFleet> {
  const { dir = '.seaworthy', shutdown: { drain = '10s', grace = '0s' } = {} } = options;
  const documents = documentsOf(fleet, options.documents);
  const drainMs = milliseconds(drain, 'shutdown.drain');
  const graceMs = milliseconds(grace, 'shutdown.grace');
  const bus = await (options.bus ?? embedded({ dir })).open(labelledRuntime(runtime, 'bus'));
  const running = new Map<string, RunningService>();
  const clients: ClosableCaller[] = [];
  let servers: Servers | undefined;
  let started = false;
  const callerFor = async (own: Runtime): Promise<Caller> => {
    const { elsewhere } = planned;
    const made = await serviceClient({ runtime: own, endpointOf: (name) => running.get(name)?.endpoint, elsewhere, calls: options.calls });
    clients.push(made);
    return made;
  };

  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    stopped ??= stopAll().finally(release);
    return stopped;
  };

  async function stopAll(): Promise<void> {
    for (const service of running.values()) service.retire();
    if (started && graceMs > 0) await sleep(runtime.clock, graceMs);
    const budget = new AbortController();
    const timer = runtime.clock.after(drainMs, () =>
      budget.abort(
        new DrainExceeded(
          `the fleet did not stop within ${drain}: the next start continues the rest; raise \`shutdown.drain\` to give it more time`,
        ),
      ),
    );
    const all = [...running.values()];
    // A service that fails to close, because its disk is gone, does not keep the others open.
    await inTurn(
      () => together([servers?.close(budget.signal), ...all.map((service) => service.quiesce(budget.signal))]),
      () => together(all.map((service) => service.close(budget.signal))),
      () => together(clients.map((one) => one.close())),
      () => bus.close(),
    ).finally(() => timer.cancel());
  }

  try {
    const store = options.store ?? sqlite({ dir });
    for (const service of planned.services) {
      const name = service.contract['~contract'];
      const own = labelledRuntime(runtime, name);
      running.set(name, await run(service, { ...options, runtime: own, store, bus, call: await callerFor(own) }));
    }
    for (const service of running.values()) await service.verify();
    await prepareBus(bus, planned.services, options.topology);
    const own = labelledRuntime(runtime, 'gateway');
    const call = await callerFor(own);
    const { requestTimeout: timeout, trust } = options.gateway ?? {};
    const routesOf = (gateway: Gateway): readonly HttpRoute[] => gatewayRoutes(gateway, { runtime: own, call, timeout, trust });
    servers = await listen({ plan: planned, options, runtime, running, documents, routesOf });
    for (const service of running.values()) service.admit();
    for (const service of running.values()) await service.begin();
    servers.open();
    started = true;
    const { url, urls, operationsUrl } = servers;
    return { url, urls, operationsUrl, call, stop, [Symbol.asyncDispose]: stop };
  } catch (error) {
    // The error of the start counts, whatever the stop throws.
    await stop().catch(() => {});
    throw error;
  }
}

const labelledRuntime = (runtime: Runtime, service: string): Runtime => ({ ...runtime, observe: labelled(runtime.observe, { service }) });
