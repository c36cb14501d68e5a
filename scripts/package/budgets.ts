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
  'seaworthy/core': { kB: 4.2, modules: ['core'] },
  'seaworthy/contract': { kB: 7.3, modules: ['contract', 'core'] },
  'seaworthy/documents': { kB: 7.2, modules: ['contract', 'core', 'documents'] },
  'seaworthy/compatibility': { kB: 9.2, modules: ['compatibility', 'contract', 'core'] },
  'seaworthy/resilience': { kB: 9.1, modules: ['core', 'resilience'] },
  'seaworthy/store': { kB: 3.8, modules: ['core', 'store'] },
  'seaworthy/store/sqlite': { kB: 11.6, modules: ['core', 'store'] },
  'seaworthy/store/memory': { kB: 8.8, modules: ['core', 'store'] },
  'seaworthy/store/postgres': { kB: 12.2, modules: ['core', 'store'], loads: ['pg'] },
  'seaworthy/store/mysql': { kB: 14, modules: ['core', 'store'], loads: ['mysql2'] },
  'seaworthy/store/driver-kit': { kB: 4.6, modules: ['core', 'store'] },
  'seaworthy/store/conformance': { kB: 11.9, modules: ['core', 'store'] },
  'seaworthy/bus': { kB: 1.7, modules: ['bus', 'core'] },
  'seaworthy/bus/embedded': { kB: 21.3, modules: ['bus', 'core', 'store'] },
  'seaworthy/bus/memory': { kB: 6, modules: ['bus', 'core'] },
  'seaworthy/bus/driver-kit': { kB: 5.7, modules: ['bus', 'core'] },
  'seaworthy/bus/conformance': { kB: 7.8, modules: ['bus', 'core'] },
  'seaworthy/outbox': { kB: 19.6 },
  'seaworthy/client': { kB: 18.8, loads: ['undici'] },
  'seaworthy/client/driver-kit': { kB: 8.5, modules: ['client', 'contract', 'core'] },
  'seaworthy/client/conformance': { kB: 25.2, modules: ['client', 'contract', 'core', 'resilience'] },
  'seaworthy/saga': { kB: 7 },
  'seaworthy/service': { kB: 2 },
  'seaworthy/gateway': { kB: 7.9 },
  'seaworthy/fleet': { kB: 91.4 },
  'seaworthy/telemetry': { kB: 3.9, loads: ['pino'] },
  'seaworthy/telemetry/opentelemetry': { kB: 3, modules: ['core', 'telemetry'] },
  'seaworthy/testing': { kB: 79.5 },
};
