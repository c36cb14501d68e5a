import { type Condition, well, worst } from '../core/condition.ts';
import { type HttpReply, problemReply } from '../http/reply.ts';
import type { HttpRoute } from '../http/server.ts';

/** The phase of a service's life. */
export type Phase = 'starting' | 'ready' | 'stopping' | 'closed';

/** What the probes of one service, or of a whole process, go by: its own state, never that of other services. */
export interface Health {
  /** Returns the condition of each part that it needs, by name. */
  readonly checks: () => Readonly<Record<string, Condition>>;
  readonly phase: () => Phase;
}

const reply = (status: number, body: unknown): HttpReply => ({
  status,
  headers: { 'content-type': 'application/json', 'cache-control': 'no-store' },
  body: JSON.stringify(body),
});

const unavailable = (code: string, detail: string): HttpReply =>
  problemReply(
    { type: 'about:blank', title: 'Service Unavailable', status: 503, code, detail },
    { 'cache-control': 'no-store', 'retry-after': '1' },
  );

const unready = (detail: string): HttpReply => unavailable('SW_SERVICE_UNREADY', detail);

const listed = (all: readonly (readonly [string, Condition])[]): string =>
  all.map(([name, { why }]) => (why === undefined ? name : `${name} (${why})`)).join(', ');

/** Returns the condition of a service as one part of its process. */
export function conditionOf({ phase, checks }: Health): Condition {
  const wrong = Object.entries(checks()).filter(([, { state }]) => state !== 'well');
  const { state } = worst([...wrong.map(([, one]) => one), phase() === 'ready' ? well : { state: 'failing' }]);
  if (state === 'well') return well;
  return { state, why: wrong.length > 0 ? listed(wrong) : `it is ${phase()}` };
}

/** Answers the readiness probe. */
export function readiness({ phase, checks }: Health): HttpReply {
  const now = Object.entries(checks());
  const failing = now.filter(([, { state }]) => state !== 'well');
  if (phase() !== 'ready') return unready(`it is ${phase()}`);
  if (failing.length > 0) return unready(`failing: ${listed(failing)}`);
  return reply(200, { status: 'ready', checks: Object.fromEntries(now.map(([name]) => [name, true])) });
}

function liveness({ checks }: Health): HttpReply {
  const broken = Object.entries(checks()).filter(([, { state }]) => state === 'broken');
  if (broken.length === 0) return reply(200, { status: 'live' });
  return unavailable('SW_SERVICE_BROKEN', `the process must be restarted: ${listed(broken)}`);
}

/** Returns the probes: `live` fails when only a restart helps, `startup` until the service has started, `ready` while it takes no calls. */
export function healthRoutes(health: Health): readonly HttpRoute[] {
  return [
    { method: 'GET', path: '/health/live', handle: async () => liveness(health) },
    {
      method: 'GET',
      path: '/health/startup',
      handle: async () => (health.phase() === 'starting' ? unready('it is starting') : reply(200, { status: 'started' })),
    },
    { method: 'GET', path: '/health/ready', handle: async () => readiness(health) },
  ];
}

/** Returns the route of the metrics, as Prometheus text (exposition format 0.0.4). */
export const metricsRoute = (exposition: () => string): HttpRoute => ({
  method: 'GET',
  path: '/metrics',
  handle: async () => ({ status: 200, headers: { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }, body: exposition() }),
});
