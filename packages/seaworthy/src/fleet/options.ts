import type { BusDriver } from '../bus/bus.ts';
import type { CallPolicies } from '../client/caller.ts';
import type { InstanceSource } from '../client/instance-source.ts';
import type { Duration } from '../core/duration.ts';
import type { Runtime } from '../core/runtime.ts';
import type { DocumentOptions } from '../documents/document.ts';
import type { Trust } from '../gateway/serve.ts';
import type { BodyLimits } from '../http/bodies.ts';
import type { RunOptions } from '../service/lifecycle.ts';
import type { StoreDriver } from '../store/store.ts';
import type { Environment } from './environment.ts';

export interface StartOptions extends RunOptions {
  /** Which of the services run in this process, `gateway` for the gateway. Default all. */
  readonly only?: readonly string[] | undefined;
  /** Where those are found that run elsewhere: each base URL is one instance. A source may change the list while the fleet runs. */
  readonly addresses?: Readonly<Record<string, string | readonly string[] | InstanceSource>>;
  /** Where the embedded databases live. Default `.seaworthy`. */
  readonly dir?: string;
  /** Of the gateway. Default 0: any free one. */
  readonly port?: number;
  /** Default `127.0.0.1`. */
  readonly host?: string;
  /** Whether each service listens too: on any free port, or on the one that is named here. Default false. */
  readonly ports?: boolean | Readonly<Record<string, number>>;
  /**
   * A port of its own for `/metrics`, the documents and health, of all that runs in this process; the other ports then serve
   * health alone beside their routes. Default none. `host` is that of the others unless it says otherwise, `port` 0 any free one.
   */
  readonly operations?: { readonly port?: number; readonly host?: string } | undefined;
  /** How much of the bodies of requests each server takes, and how slowly. Default 1 MiB each, 64 MiB together, and 5 s without a byte. */
  readonly bodies?: BodyLimits;
  /** How long a stop may take. Default 10 s. */
  readonly drain?: Duration;
  /** How long it serves on after it said that it is unready, until whoever routes to it has seen that. Default 0 s. */
  readonly grace?: Duration;
  /** Of the log lines on standard output, for which no `runtime` is needed. Default `info`. */
  readonly logLevel?: Environment['logLevel'];
  /** Default the machine's clock, randomness and ids, and log lines of `logLevel`; one that is given reports as it does. */
  readonly runtime?: Runtime;
  /** Metrics for `/metrics`. Default none. */
  readonly exposition?: () => string;
  /** Whether all that listens serves `/openapi.json`, `/asyncapi.json` and `/docs`, and what they say of themselves. Default true. */
  readonly documents?: boolean | DocumentOptions;
  /** Default embedded SQLite in `dir`. */
  readonly store?: StoreDriver;
  /** Default the embedded log in `dir`. */
  readonly bus?: BusDriver;
  /**
   * What becomes of the topics and groups that the services need on the bus, before any of them publishes. `apply` creates those that
   * are missing, `verify` refuses the start where one is missing, `trust` asks nothing. Default `apply`.
   */
  readonly topology?: 'apply' | 'verify' | 'trust';
  /** How the calls of services and gateway are guarded and how long one may take, unless they say otherwise. */
  readonly calls?: CallPolicies;
  /** For the whole of a request at the gateway. Default 10 s. */
  readonly requestTimeout?: Duration;
  /** What the gateway takes over of a request's trace and baggage. Default the trace. */
  readonly trust?: Trust;
}
