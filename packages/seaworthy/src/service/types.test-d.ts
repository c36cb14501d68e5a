import { z } from 'zod';
import type { Call, Fail } from '../client/call.ts';
import { command, contract, event, query } from '../contract/contract.ts';
import { fleet } from '../fleet/fleet.ts';
import { type Answer, aggregate } from '../gateway/aggregate.ts';
import { gateway } from '../gateway/gateway.ts';
import { route } from '../gateway/route.ts';
import { saga } from '../saga/definition.ts';
import type { Tx } from '../store/store.ts';
import { external, type Handler } from './handler.ts';
import { service } from './service.ts';

/** What the types promise and forbid. Checked by the compiler, never run. */
type Eq<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
type IsAny<T> = 0 extends 1 & T ? true : false;
declare function is<T extends true>(): T;

const Item = z.object({ productId: z.string(), quantity: z.int() });
const Ref = z.object({ orderId: z.string() });
const stock = contract('stock', {
  reserve: command({
    http: 'POST /reservations',
    input: z.object({ orderId: z.string(), items: z.array(Item), note: z.string().default('none') }),
    output: z.object({ id: z.string() }),
    errors: { OutOfStock: { status: 409, data: z.object({ productId: z.string() }) }, Closed: { status: 423 } },
  }),
  release: command({ http: 'DELETE /reservations/{orderId}', input: Ref }),
  reservation: query({ http: 'GET /reservations/{orderId}', input: Ref, output: z.object({ id: z.string() }) }),
  reserved: event({ key: 'orderId', data: Ref }),
});
const orders = contract('orders', { place: command({ http: 'POST /orders', input: Ref }), placed: event({ key: 'orderId', data: Ref }) });

// @ts-expect-error the path names a field that the input lacks
command({ http: 'POST /a/{other}', input: Ref });
// @ts-expect-error the key is a field of the data
event({ key: 'other', data: Ref });

export async function calls(call: Call): Promise<void> {
  const reply = call(stock.reserve, { orderId: '1', items: [] }); // `note` has a default: it may be left out
  is<Eq<IsAny<Awaited<typeof reply>>, false>>();
  is<Eq<Awaited<typeof reply>, { id: string }>>();
  const outcome = await reply.outcome();
  if (!outcome.ok && outcome.error.name === 'OutOfStock') is<Eq<typeof outcome.error.data, { productId: string }>>();
  is<Eq<Awaited<ReturnType<typeof released>>, void>>();
  // @ts-expect-error a field is missing
  call(stock.reserve, { orderId: '1' });
}
declare const call: Call;
const released = () => call(stock.release, { orderId: '1' });

const place = saga(orders, 'place', { input: Ref, uses: [stock] })
  .step('reserve', {
    do: ({ input, call }) => call(stock.reserve, { orderId: input.orderId, items: [] }),
    undo: ({ result }) => {
      is<Eq<typeof result, { id: string } | undefined>>();
    },
  })
  .local('confirm', {
    do: ({ results, tx, publish }) => {
      is<Eq<typeof results.reserve, { id: string }>>();
      is<Eq<typeof tx, Tx>>();
      publish('placed', { orderId: results.reserve.id });
      // @ts-expect-error an event of another contract
      publish('reserved', { orderId: '1' });
    },
  });
// @ts-expect-error there is already a step of this name
place.local('confirm', { do: () => 1 });
saga(orders, 'wrong', { input: Ref, uses: [] }).step('reserve', {
  // @ts-expect-error a service that the saga does not use
  do: ({ input, call }) => call(stock.reserve, { orderId: input.orderId, items: [] }),
});
// What the compiler says of it: "Type '"stock"' is not assignable to type '"only what the saga names in `uses`"'".
type Only = 'only what the saga names in `uses`';
declare const lessThanThat: (call: Call<'stock'>) => void;
saga(orders, 'alone', { input: Ref }).step('reserve', {
  do: ({ call }) => {
    is<Eq<Parameters<typeof call>[0]['service'], Only>>();
    // @ts-expect-error it may not call stock
    lessThanThat(call);
  },
});
saga(orders, 'helped', { input: Ref, uses: [stock, orders] }).step('reserve', {
  do: ({ call }) => {
    is<Eq<Parameters<typeof call>[0]['service'], 'stock' | 'orders'>>();
    lessThanThat(call);
  },
});
// A step by itself takes a stand-in that knows what the saga uses, and none that knows less.
declare const fake: Call<'stock'>;
saga(orders, 'tried', { input: Ref, uses: [stock] }).step('reserve', {
  do: ({ call }) => {
    const taken: typeof call = fake;
    return taken(stock.reserve, { orderId: '1', items: [] });
  },
});
saga(orders, 'short', { input: Ref, uses: [stock, orders] }).step('reserve', {
  do: ({ call }) => {
    // @ts-expect-error it may call orders too
    const taken: typeof call = fake;
    return taken(stock.reserve, { orderId: '1', items: [] });
  },
});
saga(orders, 'other', { input: Ref, uses: [stock] }).step('place', {
  // @ts-expect-error a service that the saga does not use: "Type '"orders"' is not assignable to type '"stock"'"
  do: ({ input, call }) => call(orders.place, input),
});
saga(orders, 'mixed', { input: Ref }).local('reserve', {
  // @ts-expect-error no call beside a transaction
  do: ({ call }) => call,
});

const stockService = service(stock, {
  handlers: {
    reserve({ input, tx, fail, publish }) {
      is<Eq<typeof input.note, string>>(); // the default has been applied
      is<Eq<typeof tx, Tx>>();
      publish('reserved', { orderId: input.orderId });
      if (!input.items.length) throw fail('OutOfStock', { productId: 'x' });
      // @ts-expect-error it must bring its data
      if (input.note) throw fail('OutOfStock');
      // @ts-expect-error it is not declared
      throw fail('Other');
    },
    release: external({
      before: ({ input }) => ({ cents: input.orderId.length }),
      // @ts-expect-error no transaction beside a network call
      do: ({ intent, tx }) => ({ id: `${intent.cents}${tx}` }),
      after: ({ intent, outcome }) => {
        is<Eq<typeof intent, { cents: number }>>();
        is<Eq<typeof outcome, { id: string }>>();
      },
    }),
    // @ts-expect-error a query has no transaction
    reservation: ({ tx }) => ({ id: String(tx) }),
  },
});
export const refusing: Handler<typeof stock, 'reserve'> = ({ input, refuse }) => {
  if (input.orderId === '') return refuse('OutOfStock', { productId: 'x' });
  // @ts-expect-error it must bring its data
  if (input.note === '') return refuse('OutOfStock');
  // @ts-expect-error it is not declared
  if (input.note === 'none') return refuse('Other');
  return { id: input.orderId };
};
export const reaching: Handler<typeof stock, 'reserve'> = external({
  before: ({ input, refuse }) => (input.items.length === 0 ? refuse('Closed') : { cents: 1 }),
  do({ intent }) {
    is<Eq<typeof intent, { cents: number }>>();
    return { id: 'x' };
  },
  after({ intent, outcome, refuse }) {
    is<Eq<typeof intent, { cents: number }>>();
    return outcome.id === '' ? refuse('OutOfStock', { productId: 'x' }) : { id: outcome.id };
  },
});
service(stock, {
  handlers: {
    ...stockService.handlers,
    release: () => {},
    // @ts-expect-error a query changes nothing: there is nothing to commit beside a refusal
    reservation: ({ refuse }) => refuse('OutOfStock'),
    reserve: external({
      before: () => {},
      do: () => 1,
      after: ({ outcome, refuse }) => (outcome > 1 ? refuse('Closed') : { id: '' }),
    }),
  },
});
service(stock, {
  // @ts-expect-error a handler is missing
  handlers: { release: () => {}, reservation: () => ({ id: '1' }) },
});
// Where nothing is declared, the compiler says so: "Argument of type '"Other"' is not assignable to parameter of type '"the contract ...".
is<Eq<Parameters<Fail<Record<never, never>>>[0], 'the contract declares no errors of this operation'>>();
is<Eq<Parameters<Fail<{ Closed: unknown; Full: { left: number } }>>[0], 'Closed' | 'Full'>>();
service(orders, {
  handlers: {
    place({ fail }) {
      // @ts-expect-error nothing is declared
      throw fail('Other');
    },
  },
});
const ordersService = service(orders, { handlers: { place: ({ start, input }) => start(place, input) }, sagas: [place] });
// @ts-expect-error the saga of another service
service(stock, { handlers: stockService.handlers as never, sagas: [place] });

const page = aggregate('GET /api/{orderId}', ({ part }) => ({
  reservation: part(stock.reservation, ({ params }) => params).optional(),
  again: part(stock.reservation, ({ params }) => ({ orderId: params.orderId })),
}));
type Page = NonNullable<(typeof page)['~answer']>;
is<Eq<Page['reservation'], { id: string } | undefined>>();
is<Eq<Page['again'], { id: string }>>();
is<Eq<keyof Page['meta']['parts'], 'reservation' | 'again'>>();
export type Empty = Answer<Record<never, never>>;

const front = gateway({ routes: [route('DELETE /api/{orderId}', stock.release), page] });
// @ts-expect-error the path names a field that the operation does not take
route('DELETE /api/{id}', stock.release);
fleet({ services: [ordersService, stockService], gateway: front });
// @ts-expect-error the fleet lacks stock
fleet({ services: [ordersService], gateway: front });
