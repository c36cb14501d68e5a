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
  'seaworthy/store': { kB: 3.9, modules: ['core', 'store'] },
  'seaworthy/store/sqlite': { kB: 11.9, modules: ['core', 'store'] },
  'seaworthy/store/memory': { kB: 9, modules: ['core', 'store'] },
  'seaworthy/store/postgres': { kB: 14, modules: ['core', 'store'], loads: ['pg'] },
  'seaworthy/store/mysql': { kB: 14, modules: ['core', 'store'], loads: ['mysql2/promise'] },
  'seaworthy/store/driver-kit': { kB: 4.6, modules: ['core', 'store'] },
  'seaworthy/store/conformance': { kB: 13.4, modules: ['core', 'store'] },
  'seaworthy/bus': { kB: 1.8, modules: ['bus', 'core'] },
  'seaworthy/bus/embedded': { kB: 21.6, modules: ['bus', 'core', 'store'] },
  'seaworthy/bus/memory': { kB: 6, modules: ['bus', 'core'] },
  'seaworthy/bus/driver-kit': { kB: 5.7, modules: ['bus', 'core'] },
  'seaworthy/bus/conformance': { kB: 7.8, modules: ['bus', 'core'] },
  'seaworthy/outbox': { kB: 20.2 },
  'seaworthy/client': { kB: 18.8, loads: ['undici'] },
  'seaworthy/client/driver-kit': { kB: 8.5, modules: ['client', 'contract', 'core'] },
  'seaworthy/client/conformance': { kB: 25.2, modules: ['client', 'contract', 'core', 'resilience'] },
  'seaworthy/saga': { kB: 7.4 },
  'seaworthy/service': { kB: 2 },
  'seaworthy/gateway': { kB: 8 },
  'seaworthy/fleet': { kB: 94 },
  'seaworthy/telemetry': { kB: 3.9, loads: ['pino'] },
  'seaworthy/telemetry/opentelemetry': { kB: 3, modules: ['core', 'telemetry'] },
  'seaworthy/testing': { kB: 82.1 },
};
