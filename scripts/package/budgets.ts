/** The budget of importing one subpath. */
export interface Budget {
  /** The size of the toolkit's own code in kB, minified and compressed. */
  readonly kB: number;
  /** The packages that are loaded with it, and no others; modules of Node do not count. */
  readonly loads?: readonly string[];
  /** The modules whose code it contains, if there must be no others. */
  readonly modules?: readonly string[];
}

/** The budgets of all subpaths. Raise one only after a review, since every user of the subpath pays for it. */
export const budgets: Readonly<Record<string, Budget>> = {
  'seaworthy/core': { kB: 4, modules: ['core'] },
  'seaworthy/contract': { kB: 7.1, modules: ['contract', 'core'] },
  'seaworthy/documents': { kB: 7, modules: ['contract', 'core', 'documents'] },
  'seaworthy/compatibility': { kB: 9.2, modules: ['compatibility', 'contract', 'core'] },
  'seaworthy/resilience': { kB: 9, modules: ['core', 'resilience'] },
  'seaworthy/store': { kB: 2, modules: ['core', 'store'] },
  'seaworthy/store/sqlite': { kB: 11.1, modules: ['core', 'store'] },
  'seaworthy/store/memory': { kB: 8.5, modules: ['core', 'store'] },
  'seaworthy/store/postgres': { kB: 12, modules: ['core', 'store'], loads: ['pg'] },
  'seaworthy/store/driver-kit': { kB: 4.6, modules: ['core', 'store'] },
  'seaworthy/store/conformance': { kB: 10.5, modules: ['core', 'store'] },
  'seaworthy/bus': { kB: 1.7, modules: ['bus', 'core'] },
  'seaworthy/bus/embedded': { kB: 20, modules: ['bus', 'core', 'store'] },
  'seaworthy/bus/memory': { kB: 5.8, modules: ['bus', 'core'] },
  'seaworthy/bus/driver-kit': { kB: 5.7, modules: ['bus', 'core'] },
  'seaworthy/bus/conformance': { kB: 7.6, modules: ['bus', 'core'] },
  'seaworthy/outbox': { kB: 19 },
  'seaworthy/client': { kB: 18.4, loads: ['undici'] },
  'seaworthy/client/driver-kit': { kB: 8.5, modules: ['client', 'contract', 'core'] },
  'seaworthy/client/conformance': { kB: 25, modules: ['client', 'contract', 'core', 'resilience'] },
  'seaworthy/saga': { kB: 6.8 },
  'seaworthy/service': { kB: 2 },
  'seaworthy/gateway': { kB: 7.7 },
  'seaworthy/fleet': { kB: 88 },
  'seaworthy/telemetry': { kB: 3.7, loads: ['pino'] },
  'seaworthy/telemetry/opentelemetry': { kB: 3, modules: ['core', 'telemetry'] },
  'seaworthy/testing': { kB: 75.8 },
};
