import { z } from 'zod';
import { reply } from '../client/call.ts';
import type { Caller, CallOptions } from '../client/caller.ts';
import { command, contract, query } from '../contract/contract.ts';
import { type Deadline, DeadlineExceeded } from '../core/deadline.ts';
import { silent } from '../core/observe.ts';
import { runtime } from '../core/runtime.ts';
import type { HttpReply } from '../http/reply.ts';
import { BreakerOpen } from '../resilience/errors.ts';
import { virtualClock } from '../testing/clock.ts';
import { aggregate } from './aggregate.ts';
import { gateway, type Route } from './gateway.ts';
import { gatewayRoutes } from './serve.ts';

export const Ref = z.object({ id: z.string() });
export const shop = contract('shop', {
  order: query({
    http: 'GET /orders/{id}',
    input: Ref,
    output: z.object({ id: z.string(), customer: z.string() }),
    errors: { NotFound: { status: 404 } },
  }),
  payment: query({
    http: 'GET /payments/{id}',
    input: Ref,
    output: z.object({ amount: z.int() }),
    errors: { NotFound: { status: 404 }, Frozen: { status: 423 } },
  }),
  customer: query({ http: 'GET /customers/{id}', input: Ref, output: z.object({ name: z.string() }) }),
  place: command({
    http: 'POST /orders',
    input: z.object({ id: z.string(), n: z.int() }),
    output: Ref,
    status: 201,
    location: '/api/orders/{id}',
  }),
});

export const page = aggregate('GET /api/orders/{id}', ({ part }) => {
  const order = part(shop.order, ({ params }) => params);
  return {
    order,
    payment: part(shop.payment, ({ params }) => params).optional(),
    customer: part(shop.customer, ({ order }) => ({ id: order.customer }), { after: { order } }).optional(),
  };
});

export type Answers = Readonly<Record<string, () => unknown>>;
export const fine: Answers = {
  order: () => ({ id: '1', customer: 'c' }),
  payment: () => ({ amount: 5 }),
  customer: () => ({ name: 'N' }),
  place: () => ({ id: '1' }),
};

/** Sends one request through a gateway whose upstreams give these answers. */
export async function ask(
  routes: readonly Route[],
  answers: Answers,
  request: { params?: Record<string, string>; headers?: Record<string, string>; body?: unknown; signal?: AbortSignal } = {},
) {
  const asked: { name: string; input: unknown; options: CallOptions }[] = [];
  const call: Caller = (operation, input, options = {}) => {
    const { name } = operation as { name: string };
    asked.push({ name, input, options });
    return reply((async () => answers[name]?.())() as Promise<never>, { NotFound: undefined, Frozen: undefined });
  };
  const logged: { level: string; message: string; attributes: Readonly<Record<string, unknown>> }[] = [];
  const observe = { ...silent, log: (level: string, message: string, attributes = {}) => void logged.push({ level, message, attributes }) };
  const [served] = gatewayRoutes(gateway({ routes }), { runtime: runtime({ clock: virtualClock(), observe }), call });
  const answer = (await served?.handle({
    params: { id: '1' },
    query: '',
    headers: {},
    body: undefined,
    signal: new AbortController().signal,
    ...request,
  })) as HttpReply;
  return { ...answer, json: JSON.parse(answer.body ?? 'null') as Record<string, unknown>, asked, logged };
}
export const fails = (error: unknown) => () => {
  throw error;
};

/** The milliseconds that the deadline of a call leaves it. */
export const leftOf = (asked: { readonly options: CallOptions } | undefined): number | undefined =>
  (asked?.options.deadline as Deadline | undefined)?.remaining();

export const late = new DeadlineExceeded('late');
export const open = new BreakerOpen('open', { retryAfterMs: 2500 });
