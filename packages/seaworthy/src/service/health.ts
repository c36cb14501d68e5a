import { type HttpReply, problemReply } from './transports/refusal.ts';
import type { HttpRoute } from './transports/server.ts';

/** Where a service is in its life. */
export type Phase = 'starting' | 'ready' | 'stopping' | 'closed';

/** Answers the probes of one service, or of a whole process. Readiness is its own state, never that of others. */
export interface Health {
  /** Each check's name and whether it holds. */
  readonly checks: () => Readonly<Record<string, boolean>>;
  readonly phase: () => Phase;
}

const reply = (status: number, body: unknown): HttpReply => ({
  status,
  headers: { 'content-type': 'application/json', 'cache-control': 'no-store' },
  body: JSON.stringify(body),
});

const unready = (detail: string): HttpReply =>
  problemReply(
    { type: 'about:blank', title: 'Service Unavailable', status: 503, code: 'SW_SERVICE_UNREADY', detail },
    { 'cache-control': 'no-store', 'retry-after': '1' },
  );

export function readiness({ phase, checks }: Health): HttpReply {
  const now = checks();
  const failing = Object.keys(now).filter((name) => !now[name]);
  if (phase() === 'ready' && failing.length === 0) return reply(200, { status: 'ready', checks: now });
  return unready(phase() === 'ready' ? `failing: ${failing.join(', ')}` : `it is ${phase()}`);
}

/** `live` answers as long as the process can answer at all; `startup` once it has started; `ready` while it takes work. */
export function healthRoutes(health: Health): readonly HttpRoute[] {
  return [
    { method: 'GET', path: '/health/live', handle: async () => reply(200, { status: 'live' }) },
    {
      method: 'GET',
      path: '/health/startup',
      handle: async () => (health.phase() === 'starting' ? unready('it is starting') : reply(200, { status: 'started' })),
    },
    { method: 'GET', path: '/health/ready', handle: async () => readiness(health) },
  ];
}

/** Prometheus text (exposition format 0.0.4). */
export const metricsRoute = (exposition: () => string): HttpRoute => ({
  method: 'GET',
  path: '/metrics',
  handle: async () => ({ status: 200, headers: { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }, body: exposition() }),
});
