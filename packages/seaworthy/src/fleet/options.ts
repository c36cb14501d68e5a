import type { BusDriver } from '../bus/bus.ts';
import { type CallPolicies, policyNames } from '../client/caller.ts';
import type { InstanceSource } from '../client/instance-source.ts';
import type { Duration } from '../core/duration.ts';
import type { OptionNames } from '../core/options.ts';
import type { Runtime } from '../core/runtime.ts';
import { type DocumentOptions, documentNames } from '../documents/document.ts';
import { type Trust, trustNames } from '../gateway/serve.ts';
import { type BodyLimits, bodyNames } from '../http/bodies.ts';
import { type RunOptions, runNames } from '../service/lifecycle.ts';
import type { StoreDriver } from '../store/store.ts';
import type { Environment } from './environment.ts';

/** Where a fleet listens, and what it accepts. */
export interface ListenOptions {
  /** The port of the gateway. Default 0: any free one. */
  readonly port?: number;
  /** The address of all that listens. Default `127.0.0.1`. */
  readonly host?: string;
  /** Whether each service listens too: on any free port, or on the one that is named here. Default false. */
  readonly services?: boolean | Readonly<Record<string, number>>;
  /**
   * A port of its own for `/metrics`, the documents and health of all that runs in this process. The other ports then serve health
   * alone beside their routes. Default none; `port` is any free one and `host` that of the others unless they are given.
   */
  readonly operations?: { readonly port?: number; readonly host?: string } | undefined;
  /** How much of the bodies of requests each server takes, and how slowly. Default 1 MiB each, 64 MiB together, and 5 s without a byte. */
  readonly bodies?: BodyLimits;
}

/** How a fleet stops. */
export interface ShutdownOptions {
  /** How long a stop may take. Default 10 s. */
  readonly drain?: Duration;
  /** How long the fleet serves on after it has become unready, so that load balancers notice. Default 0 s. */
  readonly grace?: Duration;
}

/** What is set for the gateway of a fleet. */
export interface FleetGatewayOptions {
  /** How long the whole of a request may take. Default 10 s. */
  readonly requestTimeout?: Duration;
  /** What the gateway takes over of a request's trace and baggage. Default the trace. */
  readonly trust?: Trust;
}

export interface StartOptions extends RunOptions {
  /** The services that run in this process, and `gateway` for the gateway. Default all. */
  readonly only?: readonly string[] | undefined;
  /** Where those are found that run elsewhere: each base URL is one instance. A source may change the list while the fleet runs. */
  readonly addresses?: Readonly<Record<string, string | readonly string[] | InstanceSource>>;
  /** The folder of the embedded databases. Default `.seaworthy`. */
  readonly dir?: string;
  /** The store of services that do not bring their own. Default embedded SQLite in `dir`. */
  readonly store?: StoreDriver;
  /** The bus of all services. Default the embedded log in `dir`. */
  readonly bus?: BusDriver;
  /**
   * What becomes of the topics and groups that the services need on the bus, before any of them publishes. `apply` creates those that
   * are missing, `verify` refuses the start where one is missing, `trust` asks nothing. Default `apply`.
   */
  readonly topology?: 'apply' | 'verify' | 'trust';
  readonly listen?: ListenOptions;
  readonly shutdown?: ShutdownOptions;
  readonly gateway?: FleetGatewayOptions;
  /** How the calls of services and gateway are guarded and balanced, and how long one may take, unless they say otherwise. */
  readonly calls?: CallPolicies;
  /** The least level of the log lines on standard output, for which no `runtime` is needed. Default `info`. */
  readonly logLevel?: Environment['logLevel'];
  /** Default the machine's clock, randomness and ids, and log lines of `logLevel`; a runtime that is given reports as it does. */
  readonly runtime?: Runtime;
  /** Gives the metrics for `/metrics`. Default none. */
  readonly exposition?: () => string;
  /** Whether every port serves `/openapi.json`, `/asyncapi.json` and `/docs`; an object replaces their title, version or description. Default true. */
  readonly documents?: boolean | DocumentOptions;
}

/** The names of the options of `start`. */
export const startNames: OptionNames<StartOptions> = {
  ...{ only: true, addresses: true, dir: true, store: true, bus: true, topology: true },
  listen: {
    port: true,
    host: true,
    services: true,
    operations: { port: true, host: true },
    bodies: bodyNames,
  } satisfies OptionNames<ListenOptions>,
  shutdown: { drain: true, grace: true } satisfies OptionNames<ShutdownOptions>,
  gateway: { requestTimeout: true, trust: trustNames } satisfies OptionNames<FleetGatewayOptions>,
  calls: policyNames,
  ...runNames,
  ...{ logLevel: true, runtime: true, exposition: true },
  documents: documentNames,
};

/** Merges two sets of options. Each option of `over` replaces that of `base`, also inside of the groups. */
export const merged = (base: StartOptions, over: StartOptions): StartOptions => ({
  ...base,
  ...over,
  listen: { ...base.listen, ...over.listen },
  shutdown: { ...base.shutdown, ...over.shutdown },
  gateway: { ...base.gateway, ...over.gateway },
  retention: { ...base.retention, ...over.retention },
  sagas: { ...base.sagas, ...over.sagas },
});
