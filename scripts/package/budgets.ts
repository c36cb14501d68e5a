/** The budget of importing one subpath. */
export interface Budget {
  /** The size of the toolkit's own code in kB, minified and compressed. */
  readonly kB: number;
  /** The packages that are loaded with it, and no others; modules of Node do not count. */
  readonly loads?: readonly string[];
  /** The modules whose code it contains, if there must be no others. */
  readonly rooms?: readonly string[];
}

/** The budgets of all subpaths. Raise one only after a review, since every user of the subpath pays for it. */
export const budgets: Readonly<Record<string, Budget>> = {
  'seaworthy/core': { kB: 4, rooms: ['core'] },
  'seaworthy/contract': { kB: 7.1, rooms: ['contract', 'core'] },
  'seaworthy/documents': { kB: 7, rooms: ['contract', 'core', 'documents'] },
  'seaworthy/compatibility': { kB: 9.2, rooms: ['compatibility', 'contract', 'core'] },
  'seaworthy/resilience': { kB: 9, rooms: ['core', 'resilience'] },
  'seaworthy/store': { kB: 2, rooms: ['core', 'store'] },
  'seaworthy/store/sqlite': { kB: 11.1, rooms: ['core', 'store'] },
  'seaworthy/store/memory': { kB: 8.5, rooms: ['core', 'store'] },
  'seaworthy/store/driver-kit': { kB: 4.6, rooms: ['core', 'store'] },
  'seaworthy/store/conformance': { kB: 10.5, rooms: ['core', 'store'] },
  'seaworthy/bus': { kB: 1.7, rooms: ['bus', 'core'] },
  'seaworthy/bus/embedded': { kB: 20, rooms: ['bus', 'core', 'store'] },
  'seaworthy/bus/memory': { kB: 5.8, rooms: ['bus', 'core'] },
  'seaworthy/bus/driver-kit': { kB: 5.7, rooms: ['bus', 'core'] },
  'seaworthy/bus/conformance': { kB: 7.6, rooms: ['bus', 'core'] },
  'seaworthy/outbox': { kB: 19 },
  'seaworthy/client': { kB: 18.4, loads: ['undici'] },
  'seaworthy/client/driver-kit': { kB: 8.5, rooms: ['client', 'contract', 'core'] },
  'seaworthy/client/conformance': { kB: 25, rooms: ['client', 'contract', 'core', 'resilience'] },
  'seaworthy/saga': { kB: 6.8 },
  'seaworthy/service': { kB: 2 },
  'seaworthy/gateway': { kB: 7.7 },
  'seaworthy/fleet': { kB: 88 },
  'seaworthy/telemetry': { kB: 3.7, loads: ['pino'] },
  'seaworthy/telemetry/opentelemetry': { kB: 3, rooms: ['core', 'telemetry'] },
  'seaworthy/testing': { kB: 75.8 },
};
